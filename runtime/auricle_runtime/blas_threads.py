"""NumPy, loaded without helpers for its matrix products: a listener has none that are worth one.

OpenBLAS starts a thread for every core when NumPy is imported, and each spins for a while before it sleeps: on two
cores 80 ms of CPU at every start. Imported before anything that imports NumPy. Programs that are started from here
(`--exec`) find the environment as it was.
"""

from __future__ import annotations

import os

_NAME = "OPENBLAS_NUM_THREADS"
_chosen = os.environ.get(_NAME)
os.environ.setdefault(_NAME, "1")
import numpy as numpy  # noqa: E402

if _chosen is None:
    del os.environ[_NAME]
