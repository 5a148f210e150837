"""What scoring with sequence models will cost, before anything is scored: an upper bound from counts of windows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

CPU_SECONDS: Mapping[str, float] = {
    "motif": 0.5 * 1_019 / 4.1e6,  # 4.1 million pairs of variant and motif per second; a variant is two windows
    "accessibility": 1 / 1_250,
    "scbasset": 1 / 74,
    "borzoi": 62.5,
    "enformer": 49.6,
}
"""Seconds per whole window of the published size, measured on a CPU: large networks on two cores, others on one."""
TFLOP: Mapping[str, float] = {"borzoi": 4.9, "enformer": 4.9 * 49.6 / 62.5}
"""10^12 floating point operations of a window: Borzoi's counted (docs/sequence_models.md), Enformer's by its time."""
GPU_TFLOP_PER_SECOND = 10.0
"""Assumed, not measured: about half of what an A100 reaches in float32 on paper."""
BASIS = (
    "For networks of the published size. CPU seconds per window are measured on two cores (docs/performance.md); GPU "
    f"seconds are calculated from operations at an assumed {GPU_TFLOP_PER_SECOND:g} TFLOP/s, not measured. Shared "
    "windows and pieces of windows make it less (docs/sequence_models.md, Cost)."
)
_NO_WINDOWS = ("score_table", "predixcan")
_CHANGES_PER_BASE = 3


@dataclass(frozen=True, slots=True)
class ScoringCost:
    """Upper bound for one model.

    Attributes
    ----------
    windows
        Whole windows that pass through the network.
    cpu_hours, gpu_hours
        None where there is no figure for the model family.
    """

    model: str
    backend: str
    windows: int
    cpu_hours: float | None
    gpu_hours: float | None


def scoring_cost(
    row: Mapping[str, Any], *, variants: int, background: int, mutated_windows: int, flank_bp: int
) -> ScoringCost:
    """Bound the cost of one row of the models sheet.

    Parameters
    ----------
    row
        Of the models sheet.
    variants, background
        Variants to score, and those of the background; each takes a window with REF and one with ALT.
    mutated_windows, flank_bp
        Windows of saturation mutagenesis, and bases on either side that are mutated; one pass per change, and REF.
    """
    scored = variants * (row["prefilter"] or 1.0)
    own_background = background if row["background"] is None else 0
    changes = mutated_windows * (_CHANGES_PER_BASE * (2 * flank_bp + 1) + 1)
    windows = round((2 * (scored + own_background) + changes) * _repeats(row))
    backend = row["backend"]
    if backend in _NO_WINDOWS:
        return ScoringCost(row["model"], backend, 0, 0.0, 0.0)
    return ScoringCost(
        row["model"],
        backend,
        windows,
        _hours(windows, CPU_SECONDS.get(backend)),
        _hours(windows, TFLOP[backend] / GPU_TFLOP_PER_SECOND if backend in TFLOP else None),
    )


def _repeats(row: Mapping[str, Any]) -> int:
    """Passes that one window takes: strands, shifts, replicates."""
    return (row["strands"] or 1) * _listed(row["shifts"]) * _listed(row["replicates"])


def _listed(cell: object) -> int:
    return 1 if cell is None else len(str(cell).split(","))


def _hours(windows: int, seconds: float | None) -> float | None:
    return None if seconds is None else windows * seconds / 3600


def total_gpu_hours(costs: Sequence[ScoringCost]) -> float:
    """GPU hours of the models that have a figure."""
    return sum(cost.gpu_hours for cost in costs if cost.gpu_hours is not None)
