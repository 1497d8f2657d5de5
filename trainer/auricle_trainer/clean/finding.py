"""One thing that is probably wrong with one clip, and the order in which a person reads them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from auricle_shared.pack import Clip

DROP, RELABEL, LISTEN = "drop", "relabel", "listen"
"""What is proposed: leave the clip out, give it another label, or only a person can tell"""
REASONS = {
    "silent": "nothing is in it",
    "short": "too short to hold a sound",
    "clipped": "cut off at full scale",
    "copy": "the same samples as another clip",
    "near-copy": "the same recording as a clip of another side, at another level, shifted or with noise",
    "label": "networks trained on the other clips hear another label",
}
"""In the order of the list"""


@dataclass(frozen=True)
class Finding:
    """A clip may have several."""

    clip: int
    reason: str
    proposal: str
    evidence: str
    """in words, with the figures"""
    confidence: float = 1.0
    """0 to 1; findings of one reason are ranked by it"""
    proposed_label: str = ""


def in_order(findings: Sequence[Finding]) -> list[Finding]:
    """By reason, the surest first."""
    order = list(REASONS)
    return sorted(findings, key=lambda f: (order.index(f.reason), -f.confidence, f.clip))


def name_of(clip: Clip, i: int) -> str:
    return clip.source or f"clip {i}"
