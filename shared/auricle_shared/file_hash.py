"""A file that carries its own SHA-256, so that a changed byte is found with nothing but the file.

The hash is taken with zeros in its own place, and then written there. Against accidents, not against forgers.
"""

from __future__ import annotations

import hashlib
import re

PREFIX = b"own-sha256:"
UNSEALED = PREFIX.decode() + 64 * "0"
"""What a writer puts into the file, once, before it is sealed"""
SEAL = re.compile(re.escape(PREFIX) + rb"[0-9a-f]{64}")


def sealed(data: bytes) -> bytes:
    """`data` with its hash in the place of UNSEALED, which must stand in it once."""
    if len(SEAL.findall(data)) != 1:
        raise ValueError(f"{UNSEALED!r} must stand in the data exactly once")
    return SEAL.sub(PREFIX + _digest(data), data)


def is_whole(data: bytes) -> bool | None:
    """Whether the bytes are as they were sealed; None for a file without a seal."""
    found = SEAL.findall(data)
    if not found:
        return None
    return len(found) == 1 and found[0] == PREFIX + _digest(data)


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(SEAL.sub(UNSEALED.encode(), data)).hexdigest().encode()
