"""What `auricle record` writes, the import reads: labels, and one group a session."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from auricle_runtime.record.folder import SessionFolder
from auricle_trainer.importers.manifest import recognises, recordings


def test_recorded_sessions_are_imported(tmp_path: Path) -> None:
    samples = (0.1 * np.sin(np.arange(8000) / 5)).astype(np.float32)
    for session, label in (("monday", "kettle"), ("monday", "background"), ("tuesday", "kettle")):
        folder = SessionFolder(tmp_path, label, 16000, speaker="ada")
        folder.session = session
        folder.add(samples)
    assert recognises(tmp_path)
    found = recordings(tmp_path)
    assert [(r.labels, r.group, r.speaker, r.problem) for r in found] == [
        (("kettle",), "monday", "ada", ""),
        (("background",), "monday", "ada", ""),
        (("kettle",), "tuesday", "ada", ""),
    ]
    assert all(r.path is not None and r.path.is_file() for r in found)
