"""What a model remembers of everything it heard in training, so that a sound can be enrolled without any other data.

Pieces of half a second (`enrolment.pieces`) from training scenes, with all classes and the room between them, and from
recordings without events: what an enrolled sound must not be taken for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from auricle_shared.embeddings import EmbeddingScorer, encode_vectors
from auricle_shared.enrolment import pieces
from auricle_shared.evaluate import Progress
from auricle_shared.metadata import ModelMetadata
from auricle_shared.pack import Pack
from auricle_shared.scenes import SceneSettings
from auricle_shared.scored_scenes import ScoredScene, score_recordings, score_scenes
from auricle_shared.scorer import Scorer

FIRST_SEED = 9_901
"""of the scenes; training counts its seeds from 0, calibration from 7,701"""
STREAMS, STREAM_SECONDS = 16, 40.0
MOST_PIECES = 400
"""of scenes, and as many of recordings: about 25 kB each in the model at 64 numbers a piece"""


def with_carried_embeddings(
    scorer: Scorer,
    metadata: ModelMetadata,
    settings: SceneSettings,
    pack: Pack,
    clips: Sequence[int],
    background: Pack,
    negatives: Pack | None,
    progress: Progress | None = None,
) -> ModelMetadata:
    """Metadata with the vectors; as they are for a model without an embedding.

    Args:
        clips: training clips of `pack`.
        negatives: recordings without events; None where there are none.
    """
    if not metadata.embedding_size:
        return metadata
    embedder = EmbeddingScorer(scorer)
    seeds = range(FIRST_SEED, FIRST_SEED + STREAMS)
    scenes = score_scenes(embedder, pack, clips, background, settings, STREAM_SECONDS, seeds, progress)
    found = [_some(_pieces(scenes))]
    if negatives is not None and len(negatives):
        found.append(_some(_pieces(score_recordings(embedder, negatives, range(len(negatives)), progress))))
    return replace(metadata, carried_embeddings=encode_vectors(np.concatenate(found)))


def _pieces(scenes: Sequence[ScoredScene]) -> np.ndarray:
    return np.concatenate([pieces(scene.logits, scene.frame_seconds) for scene in scenes])


def _some(vectors: np.ndarray) -> np.ndarray:
    """At most MOST_PIECES of them, evenly spread over all."""
    places = np.linspace(0, len(vectors) - 1, num=min(MOST_PIECES, len(vectors)))
    return np.asarray(vectors[places.round().astype(int)])
