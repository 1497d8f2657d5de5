"""What `make soak` measures over an hour, over a minute or so: times are shown there and judged nowhere here."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import soak

pytestmark = pytest.mark.timeout(200)


def within(figures: dict[str, float]) -> list[str]:
    """Those that miss their limit, but for times."""
    limits = {key: limit for key, limit in soak.LIMITS.items() if not limit.is_time}
    return [f"{key} = {value}" for key, value in figures.items() if key in limits and value > limits[key].most]


def test_long_stream_costs_no_memory_and_changes_no_score(tiny_model: Path, tmp_path: Path) -> None:
    figures = soak.full_speed(tiny_model, 600.0, tmp_path)
    assert figures["full_speed_seconds"] == pytest.approx(600)
    assert within(figures) == []


def test_in_real_time(tiny_model: Path) -> None:
    figures = soak.real_time(tiny_model, 5.0)
    assert 0 < figures["real_time_cpu_percent"] < 100
    assert within(figures) == []


def test_scene_through_the_sound_server_has_the_files_events(
    sound_server: Any, tiny_model: Path, tmp_path: Path
) -> None:
    figures = soak.through_sound_server(tiny_model, 45.0, tmp_path, sound_server)
    assert figures["events"] == 18
    assert within(figures) == []
    assert figures["gaps"] == 0


def test_bars_from_the_microphone(sound_server: Any, tiny_model: Path, tmp_path: Path) -> None:
    figures = soak.start_with_bars(Path(sys.executable), tiny_model, 1, tmp_path, sound_server)
    assert 0 < figures["bars_listening_ms"] < figures["bars_first_ms"]
    assert within(figures) == []


def test_what_differs_is_seen() -> None:
    wanted = [{"phase": "on", "label": "a", "onset_seconds": t} for t in (1.0, 2.0, 3.0)]
    late = [{**e, "onset_seconds": e["onset_seconds"] + 7.5} for e in wanted]
    assert soak.compare_events(late, wanted) == (0, 0.0)
    late[1]["onset_seconds"] += 0.25
    assert soak.compare_events(late, wanted) == (0, 0.25)
    assert soak.compare_events(late[:2], wanted)[0] == 1
