"""torchrun starts all processes anew when one has failed: which run's folder is theirs, and may go on or begin again.

The first start signs the folder. A folder of somebody else, which the first start refused, is refused again.
"""

from __future__ import annotations

import os
from pathlib import Path

from auricle_shared.files import write_text

SIGNATURE = "torchrun.txt"


def signed_by_us(folder: Path) -> bool:
    """Whether an earlier start of this very torchrun began to write `folder`."""
    path = folder / SIGNATURE
    restarts = int(os.environ.get("TORCHELASTIC_RESTART_COUNT", 0))
    return restarts > 0 and path.is_file() and path.read_text(encoding="utf-8") == _signature()


def sign(folder: Path) -> None:
    """Nothing without torchrun."""
    if "TORCHELASTIC_RUN_ID" in os.environ:
        write_text(folder / SIGNATURE, _signature())


def _signature() -> str:
    """torchrun's run id; without one, which 'none' says, the process that started this one."""
    run_id = os.environ.get("TORCHELASTIC_RUN_ID", "none")
    return f"process {os.getppid()}" if run_id == "none" else f"run {run_id}"
