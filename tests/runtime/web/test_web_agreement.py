"""The number on the server, in the page and in `auricle listen` is one number."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.timeout(180)

VECTORS = Path(__file__).parents[2] / "data" / "event_vectors.json"
DETECT = """
async ({ vectors, block }) => {
  const { EventDetector } = await import("/static/js/event_detector.js");
  return vectors.map(({ labels, settings, frame_seconds, frames }) => {
    const detector = new EventDetector(labels, settings, frame_seconds);
    const events = [];
    for (let at = 0; at < frames.length; at += block) {
      events.push(...detector.update(frames.slice(at, at + block), at * frame_seconds));
    }
    return [...events, ...detector.finish(frames.length * frame_seconds)];
  });
}
"""
RESAMPLE = """
async ({ samples, fromHz, toHz, sizes }) => {
  const { Resampler } = await import("/static/js/resampler.js");
  const resampler = new Resampler(fromHz, toHz);
  const found = [];
  for (let at = 0, i = 0; at < samples.length; at += sizes[i++ % sizes.length]) {
    found.push(...resampler.feed(Float32Array.from(samples.slice(at, at + sizes[i % sizes.length]))));
  }
  return found;
}
"""
SCORE = """
async ({ samples, rateHz, size }) => {
  const { Resampler } = await import("/static/js/resampler.js");
  const { PageScorer } = await import("/static/js/page_scorer.js");
  const { EventDetector } = await import("/static/js/event_detector.js");
  const { getModelFile } = await import("/static/js/api.js");
  const scorer = await PageScorer.open(await getModelFile(), page.info);
  const resampler = new Resampler(rateHz, page.info.rate_hz);
  const detector = EventDetector.forModel(page.info);
  const scores = [];
  for (let at = 0; at < samples.length; at += size) {
    const piece = Float32Array.from(samples.slice(at, at + size));
    scores.push(...(await scorer.feed(resampler.feed(piece))));
  }
  scores.push(...(await scorer.flush()));
  return { scores: scores.map((row) => [...row]), events: detector.update(scores, 0) };
}
"""


@pytest.fixture(scope="module")
def page(browser: Any, server: Any) -> Any:
    page = browser.new_page()
    page.goto(server.url)
    page.wait_for_selector("#start:enabled")
    return page


@pytest.fixture
def listen(auricle_here: Callable[..., Any], tiny_model: Path, tmp_path: Path) -> Callable[[Path], Any]:
    """What `auricle listen --wav` makes of a recording: scores [F, C] and events."""

    def run(wav: Path) -> tuple[np.ndarray, list[dict[str, Any]]]:
        table = tmp_path / "scores.csv"
        done = auricle_here("listen", tiny_model, "--wav", wav, "--json", "--scores", table)
        return np.loadtxt(table, delimiter=",", skiprows=1)[:, 1:], [json.loads(x) for x in done.stdout.splitlines()]

    return run


def same_events(found: list[dict[str, Any]], wanted: list[dict[str, Any]], within_seconds: float) -> None:
    assert [(e["phase"], e["label"]) for e in found] == [(e["phase"], e["label"]) for e in wanted]
    for one, other in zip(found, wanted, strict=True):
        for name in ("onset_seconds", "offset_seconds"):
            if name in other:
                assert one[name] == pytest.approx(other[name], abs=within_seconds)


@pytest.mark.parametrize("block", [1, 7, 1000])
def test_javascript_detector_passes_the_examples_of_the_python_one(page: Any, block: int) -> None:
    vectors = json.loads(VECTORS.read_text())
    for found, vector in zip(page.evaluate(DETECT, {"vectors": vectors, "block": block}), vectors, strict=True):
        same_events(found, vector["events"], 1e-9)
        scores = [e["score"] for e in found]
        assert scores == pytest.approx([e["score"] for e in vector["events"]], abs=1e-9), vector["name"]


@pytest.mark.parametrize(("from_hz", "to_hz"), [(48000, 16000), (44100, 16000), (16000, 16000), (8000, 16000)])
def test_the_pages_resampler_equals_soxr_and_pieces_equal_the_whole(page: Any, from_hz: int, to_hz: int) -> None:
    import soxr

    rng = np.random.default_rng(0)
    t = np.arange(from_hz // 2) / from_hz
    band = 0.9 * min(from_hz, to_hz) / 2
    tones = sum(np.sin(2 * np.pi * hz * t + phase) for hz, phase in rng.uniform((20, 0), (band, 6), (20, 2)))
    loud_above = np.sin(2 * np.pi * 0.49 * from_hz * t) if from_hz > to_hz else 0 * t  # must vanish
    samples = (0.03 * tones + 0.3 * loud_above).astype(np.float32)
    wanted = soxr.resample(samples, from_hz, to_hz, quality="HQ")
    arguments = {"samples": samples.tolist(), "fromHz": from_hz, "toHz": to_hz}
    pieces = np.array(page.evaluate(RESAMPLE, {**arguments, "sizes": [1, 960, 17, 4096]}))
    whole = np.array(page.evaluate(RESAMPLE, {**arguments, "sizes": [len(samples)]}))
    np.testing.assert_array_equal(pieces, whole)
    middle = slice(200, len(whole) - 200)  # at its edges soxr fills up in a way of its own
    np.testing.assert_allclose(whole[middle], wanted[: len(whole)][middle], atol=1e-4)


@pytest.mark.parametrize("rate_hz", [16000, 44100, 48000])
def test_the_pages_own_runtime_tells_what_listen_tells(
    page: Any, two_tones: Callable[[int], Path], listen: Callable[[Path], Any], rate_hz: int
) -> None:
    from auricle_shared.audio import read_audio

    wanted, wanted_events = listen(two_tones(rate_hz))
    samples, _ = read_audio(two_tones(rate_hz))
    found = page.evaluate(SCORE, {"samples": samples.tolist(), "rateHz": rate_hz, "size": 3333})
    same_events(found["events"], wanted_events, 0.05)
    scores = np.array(found["scores"])
    if rate_hz == 16000:
        np.testing.assert_allclose(scores, wanted, atol=1e-4)
    else:  # the last samples wait in the resampler
        assert len(wanted) - 5 <= len(scores) <= len(wanted)


@pytest.mark.parametrize("on_device", [False, True], ids=["server", "page"])
def test_recordings_opened_on_the_page_get_the_scores_of_listen(
    page: Any, two_tones: Callable[[int], Path], listen: Callable[[Path], Any], on_device: bool
) -> None:
    wanted, _ = listen(two_tones(16000))
    page.get_by_role("switch", name="On this device").set_checked(on_device)
    page.set_input_files("#file", two_tones(16000))
    page.locator("#status", has_text="8.0 s, 2 events.").wait_for()
    scores = np.array(page.evaluate("page.clip.scores.map((row) => [...row])"))
    np.testing.assert_allclose(scores, wanted, atol=1e-4)
