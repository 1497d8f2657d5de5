"""`auricle scene`: minutes of an endless scene as a WAV file, and what happens in it as a CSV file."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("data", type=click.Path(path_type=Path))
@click.argument("scene_wav", type=click.Path(path_type=Path))
@click.option("--minutes", default=5.0, show_default=True, type=click.FloatRange(0.05, 24 * 60))
@click.option(
    "--snr", "snr_db", type=float, help="Event over background in dB, the same for all; drawn (6 to 25) if absent."
)
@click.option("--seed", default=0, type=click.IntRange(0), show_default=True, help="Same seed, same scene.")
@click.option("--rate", "rate_hz", default=16000, show_default=True)
@click.option("--split", default="", help="Only clips of this split.")
@click.option("--gap", "gap_seconds", default=3.0, show_default=True, help="Mean pause between events in seconds.")
@click.option("--balanced", is_flag=True, help="Every class equally often, instead of every clip.")
@click.option(
    "--background", type=click.Path(path_type=Path), help="Recordings that run on behind; else a quiet room's noise."
)
def scene(
    data: Path,
    scene_wav: Path,
    minutes: float,
    snr_db: float | None,
    seed: int,
    rate_hz: int,
    split: str,
    gap_seconds: float,
    balanced: bool,
    background: Path | None,
) -> None:
    """Write SCENE.wav, a stream with events from DATA over running background, and SCENE.csv beside it.

    The CSV has label, onset_seconds and offset_seconds of every event; clips of background are not events.

    \b
    Example:
      auricle scene recordings scene.wav --minutes 10 --snr 10 --seed 1
      auricle listen model.onnx --wav scene.wav
    """
    from .audio import write_wav
    from .errors import DataError
    from .pack import open_data
    from .scenes import SceneSettings
    from .write_scene import make_scene, write_event_table

    if scene_wav.suffix != ".wav":
        raise DataError(f"The scene's name is {scene_wav.name!r}; it must end in .wav.")
    pack = open_data(data, rate_hz)
    low, high = (6.0, 25.0) if snr_db is None else (snr_db, snr_db)
    settings = SceneSettings(
        gap_seconds=gap_seconds,
        adjoining=0.0,
        snr_low_db=low,
        snr_high_db=high,
        background_low_db=-50.0,
        background_high_db=-40.0,
        clean=0.0,
        reset=0.0,
        balance="balanced" if balanced else "natural",
    )
    noise = open_data(background, rate_hz) if background else None
    audio, events = make_scene(pack, pack.select(split), noise, settings, 60 * minutes, seed)
    write_wav(scene_wav, audio, rate_hz)
    write_event_table(scene_wav.with_suffix(".csv"), events)
    click.echo(f"wrote {scene_wav} ({minutes:g} minutes) and {scene_wav.with_suffix('.csv')} ({len(events)} events)")
