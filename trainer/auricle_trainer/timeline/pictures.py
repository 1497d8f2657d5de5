"""A run's pictures, small enough that a page holds hundreds."""

from __future__ import annotations

import base64
import io
from pathlib import Path

from .entry import Picture

WIDTH_PIXELS = 640
COLOURS = 32
"""of a drawn curve; a photograph would look poor"""


def small_picture(path: Path) -> Picture | None:
    """None for what is no picture (cut short, or something else)."""
    from PIL import Image

    try:
        with Image.open(path, formats=["PNG"]) as image:
            image.thumbnail((WIDTH_PIXELS, 4 * WIDTH_PIXELS))
            buffer = io.BytesIO()
            image.convert("RGB").quantize(COLOURS).save(buffer, "PNG", optimize=True)
    except (OSError, ValueError, Image.DecompressionBombError):
        return None
    return Picture(path.stem, "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode())
