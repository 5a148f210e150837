"""Indexes beside large files. Imported while Snakemake parses the workflow: nothing heavy here."""

from pathlib import Path


def index_of(path: str | Path) -> Path | None:
    """The index (.tbi or .csi) that lies beside a file; None where there is none."""
    candidates = (Path(f"{path}{suffix}") for suffix in (".tbi", ".csi"))
    return next((candidate for candidate in candidates if candidate.is_file()), None)
