"""Scoring labelled clips with any scorer: each on its own, or one after another with the state carried."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .accuracy import report, report_multi_label
from .decision import clip_logits, decide_clip, frame_scores
from .errors import DataError
from .metadata import BACKGROUND, ModelMetadata
from .pack import Clip, Pack, to_float
from .scorer import Scorer, zero_state
from .spectrogram import pad_to_hop

BATCH_CLIPS = 64
CHUNK_FRAMES = 200
"""Frames scored in one call; bounds memory for long clips."""
BETWEEN_SECONDS = 1.0
"""Background before each clip when the state is carried."""

Progress = Callable[[int, int], None]


def check_data(metadata: ModelMetadata, pack: Pack, clips: Sequence[int]) -> None:
    """Raises DataError where model and data cannot be compared."""
    if pack.rate_hz != metadata.rate_hz:
        raise DataError(
            f"The pack {pack.path} has {pack.rate_hz} Hz, the model hears {metadata.rate_hz} Hz. "
            f"Import the recordings with --rate {metadata.rate_hz}."
        )
    if not clips:
        splits = ", ".join(f"{k or '(none)'}: {v}" for k, v in pack.info["splits"].items())
        raise DataError(f"No clips of that split in {pack.path}. It has {splits}.")
    reported = {metadata.report_as.get(label, label) for label in metadata.labels}
    unknown = sorted(set(pack.counts(clips)) - set(metadata.labels) - reported - {BACKGROUND})
    if unknown:
        raise DataError(
            f"The data have labels that the model does not know: {', '.join(unknown)}. "
            f"The model knows {', '.join(metadata.labels)}."
        )
    several = next((pack.clips[i] for i in clips if len(pack.clips[i].labels) != 1), None)
    if several is not None and metadata.activation == "softmax":
        raise DataError(
            f"The clip {several.source or several.sha256[:16]} has {len(several.labels)} labels; the model says one "
            "sound at a time. Train a model on data with several labels for it, or leave such clips out."
        )


def clip_frame_logits(
    scorer: Scorer, pack: Pack, clips: Sequence[int], progress: Progress | None = None
) -> list[np.ndarray]:
    """Logits [F, C] of each clip, whole and from the start of a stream, in the order of `clips`."""
    hop = scorer.metadata.hop_samples
    order = sorted(range(len(clips)), key=lambda i: pack.clips[clips[i]].length_samples)
    found: list[np.ndarray] = [np.zeros((0, 0))] * len(clips)
    for begin in range(0, len(order), BATCH_CLIPS):
        chosen = order[begin : begin + BATCH_CLIPS]
        audio = [pad_to_hop(to_float(pack.audio(clips[i])), hop) for i in chosen]
        logits = score_streams(scorer, audio)
        for i, values in zip(chosen, logits, strict=True):
            found[i] = values
        if progress:
            progress(min(begin + BATCH_CLIPS, len(order)), len(order))
    return found


def score_streams(scorer: Scorer, audio: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Logits [F, C] of several streams side by side; each audio is a whole number of hops, lengths may differ."""
    hop = scorer.metadata.hop_samples
    longest = max(len(a) for a in audio)
    block = np.stack([np.pad(a, (0, longest - len(a))) for a in audio]).astype(np.float32)
    state = zero_state(scorer.metadata, len(audio))
    parts = []
    for begin in range(0, longest, CHUNK_FRAMES * hop):
        frames = scorer(block[:, begin : begin + CHUNK_FRAMES * hop], state)
        state = frames.state
        parts.append(frames.logits)
    logits = np.concatenate(parts, axis=1)
    return [values[: len(a) // hop] for values, a in zip(logits, audio, strict=True)]


def carried_frame_logits(
    scorer: Scorer,
    pack: Pack,
    clips: Sequence[int],
    background: np.ndarray,
    between_seconds: float = BETWEEN_SECONDS,
    seed: int = 0,
    streams: int = 8,
) -> list[np.ndarray]:
    """Logits [F, C] of each clip in random order, background between, the state carried through all of them.

    Args:
        background: float32 [n], played on and on between the clips.
        streams: the clips are dealt to this many streams, which are scored side by side.
    """
    hop, rate = scorer.metadata.hop_samples, scorer.metadata.rate_hz
    order = np.random.default_rng([seed, 7]).permutation(len(clips))
    between = round(between_seconds * rate) // hop * hop
    audio, spans = [], []
    for stream in range(min(streams, len(clips))):
        position, pieces = 0, []
        for turn, i in enumerate(order[stream::streams]):
            start = (stream * 7919 + turn) * between
            clip = pad_to_hop(to_float(pack.audio(clips[i])), hop)
            pieces += [np.take(background, np.arange(start, start + between), mode="wrap"), clip]
            spans.append((stream, int(i), (position + between) // hop, len(clip) // hop))
            position += between + len(clip)
        audio.append(np.concatenate(pieces))
    logits = score_streams(scorer, audio)
    found: list[np.ndarray] = [np.zeros((0, 0))] * len(clips)
    for stream, i, start, length in spans:
        found[i] = logits[stream][start : start + length]
    return found


def judge(
    metadata: ModelMetadata,
    clips: Sequence[Clip],
    labels: Sequence[str],
    frame_logits: Sequence[np.ndarray],
) -> dict[str, Any]:
    """Decide every clip and count; a clip is right when the labels agree as they are reported.

    Args:
        labels: the pack's labels: what a clip can be at all.
    """
    known = list(metadata.labels)
    if metadata.activation == "sigmoid":
        return _judge_multi_label(metadata, clips, frame_logits)
    coarse = metadata.report_as
    wanted = {coarse.get(label, label) for label in labels}
    candidates = [i for i, label in enumerate(known) if coarse.get(label, label) in wanted]
    reported = list(dict.fromkeys(coarse.get(known[i], known[i]) for i in candidates))
    truth, predicted = [], []
    for clip, logits in zip(clips, frame_logits, strict=True):
        winner, _ = decide_clip(logits, candidates)
        truth.append(reported.index(coarse.get(clip.labels[0], clip.labels[0])))
        predicted.append(reported.index(coarse.get(known[winner], known[winner])))
    return report(truth, predicted, reported)


def _judge_multi_label(
    metadata: ModelMetadata, clips: Sequence[Clip], frame_logits: Sequence[np.ndarray]
) -> dict[str, Any]:
    names = [metadata.report_as.get(label, label) for label in metadata.labels]
    reported = list(dict.fromkeys(names))
    coarse = [{metadata.report_as.get(label, label) for label in c.labels} for c in clips]
    truth = np.array([[label in found for label in reported] for found in coarse])
    pooled = np.stack([clip_logits(np, x, np.ones(len(x), x.dtype)) for x in frame_logits])
    said = frame_scores(pooled, "sigmoid", metadata.temperature) >= 0.5
    outputs = np.array([[name == label for name in names] for label in reported])
    return report_multi_label(truth, (said[:, None] & outputs).any(-1), reported)


def evaluate(
    scorer: Scorer,
    pack: Pack,
    clips: Sequence[int],
    background: np.ndarray | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """The report of `accuracy.report`; with `background` also `stream`: the same clips with the state carried."""
    metadata = scorer.metadata
    check_data(metadata, pack, clips)
    chosen = [pack.clips[i] for i in clips]
    result = judge(metadata, chosen, pack.labels, clip_frame_logits(scorer, pack, clips, progress))
    if background is not None:
        carried = carried_frame_logits(scorer, pack, clips, background, seed=seed)
        result["stream"] = judge(metadata, chosen, pack.labels, carried)
    return result
