"""The table as text, JSON and picture."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from typing import Any

import torch

from auricle_trainer.metrics.plots import new_figure
from auricle_trainer.monitor import PHASES

from .measure import Measured
from .setup import Setup

COLOURS = {"data": "C3", "features": "C1", "forward": "C0", "backward": "C9", "optimiser": "C2", "graph": "C4"}


def machine(device: torch.device) -> dict[str, Any]:
    """What the figures were measured on."""
    found = {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "device": "cpu",
        "wait_policy": os.environ.get("OMP_WAIT_POLICY", ""),
    }
    if device.type == "cuda":
        found |= {"device": torch.cuda.get_device_name(device), "cuda": torch.version.cuda}
    return found


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
        return names[0]
    except (OSError, IndexError):
        return platform.processor() or platform.machine()


def result(setup: Setup, rows: Sequence[Measured], path: dict[str, Any]) -> dict[str, Any]:
    """Everything, for a program to read."""
    return {
        "config": setup.config.name,
        "clip_seconds": setup.clip_seconds,
        "training_clips": len(setup.selection.train),
        "machine": machine(setup.device),
        "rows": [row.to_dict() for row in rows],
        **path,
    }


def as_text(found: dict[str, Any]) -> str:
    """The table, its units below."""
    phases = [*PHASES, *(["graph"] if any("graph" in row["phase_shares"] for row in found["rows"]) else [])]
    head = ["", "batch", "workers", "clips/s", "epoch s", "ratio", *phases, "idle", "CPU", "GiB"]
    lines = [head, *(_line(row, phases) for row in found["rows"])]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    text = [
        "  ".join(c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(line, widths, strict=True)))
        for line in lines
    ]
    return "\n".join([*text, "", *_notes(found)])


def _line(row: dict[str, Any], phases: Sequence[str]) -> list[str]:
    if row["note"] and not row["clips_per_second"]:
        return [f"{row['name']}: {row['note']}", *[""] * (8 + len(phases))]
    shares = [f"{100 * row['phase_shares'][p]:.0f} %" if p in row["phase_shares"] else "" for p in phases]
    return [
        row["name"],
        str(row["batch"]),
        str(row["workers"]),
        f"{row['clips_per_second']:.0f}",
        f"{row['epoch_seconds']:.1f}",
        f"{row['ratio_to_naive']:.2f}",
        *shares,
        f"{100 * row['idle_share']:.0f} %",
        f"{row['gauges'].get('host/process_cpu_percent', 0):.0f} %",
        f"{row['gauges'].get('host/process_memory_gib', 0):.2f}",
    ]


def _notes(found: dict[str, Any]) -> list[str]:
    here = found["machine"]
    lines = [
        f"A clip is {found['clip_seconds']:g} s of audio in every row. {here['device']}: {here['processor']}, "
        f"{here['cores']} cores, {here['threads']} thread(s); torch {here['torch']}."
    ]
    lines += [
        f"{row['name']}: GPU busy {row['gauges']['gpu/busy_percent']:.0f} %, multiprocessors active "
        f"{row['gauges'].get('gpu/sm_active_percent', float('nan')):.0f} %"
        for row in found["rows"]
        if "gpu/busy_percent" in row["gauges"]
    ]
    lines += [
        f"{row['strategy']}: {row['ratio_to_single']:.2f} times the clips/s of one process at the same global batch, "
        f"{row['batch']}"
        for row in found["rows"]
        if row["ratio_to_single"]
    ]
    if "ratios_failed" in found:
        lines.append(f"Data path and step against network: {found['ratios_failed']}")
    if "data_path" in found:
        data, whole = found["data_path"], found["step_over_network"]
        low, high = data["quartiles"]
        lines.append(
            f"Data alone, pack to features with all augmentation: {data['clips_per_second']:.0f} clips/s, "
            f"{data['ratio_to_naive']:.2f} times librosa's {data['naive_clips_per_second']:.0f} "
            f"({low:.2f} to {high:.2f}, quartiles of {found['rounds']} turns)."
        )
        low, high = found["step_over_network_quartiles"]
        lines.append(
            f"The whole step takes {whole:.2f} times its network alone ({low:.2f} to {high:.2f}); "
            f"batch {found['batch']}."
        )
    return lines


def figure(found: dict[str, Any]) -> Any:
    """Bars of clips a second, split by where a step's time goes."""
    rows = [row for row in found["rows"] if row["clips_per_second"]]
    chart = new_figure(9, 1.2 + 0.42 * len(rows))
    axes = chart.add_subplot()
    names = [f"{row['name']} ({row['batch']}, {row['workers']} w)" for row in rows]
    for place, row in enumerate(rows):
        left = 0.0
        for phase, share in row["phase_shares"].items():
            width = share * row["clips_per_second"]
            axes.barh(place, width, left=left, color=COLOURS.get(phase, "grey"))
            left += width
        axes.text(left, place, f" {row['clips_per_second']:.0f} ({row['ratio_to_naive']:.1f}x)", va="center")
    axes.set_yticks(range(len(rows)), names)
    axes.invert_yaxis()
    axes.set_xlim(right=1.25 * max((row["clips_per_second"] for row in rows), default=1.0))
    axes.set_xlabel("clips a second; a bar's colours are the shares of a step's time")
    shown = {phase for row in rows for phase in row["phase_shares"]}
    handles = [axes.barh(0, 0, color=colour, label=phase) for phase, colour in COLOURS.items() if phase in shown]
    chart.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False)
    return chart
