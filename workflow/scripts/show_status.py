"""Say where a run stands: `show_status.py [RESULTS]`.

RESULTS is the run's folder of results (default: results). Prints the state of the last run in the folder around it,
its stages in the order of the workflow with their jobs done, running and failed, each failed job with its log and
error, and, from the tables that are there, the loci whose status is not ok with the reasons.
"""

import sys
import time
from pathlib import Path

import pandas as pd

from locus2target.core.run_status import NOT_STARTED, describe_run, describe_stages, read_last_run, stages_of
from locus2target.core.schemas import FINE_MAPPING
from locus2target.core.tables import read_tables

_SHOWN_LOCI = 3


def main(*, results: str) -> str:
    """Text for a terminal."""
    place, now = Path(results).resolve(), time.time()
    run = read_last_run(place.parent, now=now)
    lines = describe_run(run, now=now)
    if run.state != NOT_STARTED:
        stages, unknown = stages_of(place.parent, run)
        lines += ["", *describe_stages(stages), *([unknown] if unknown else [])]
    return "\n".join([*lines, *_locus_lines(place)]) + "\n"


def _locus_lines(results: Path) -> list[str]:
    """Loci by status with reasons; nothing before any is fine-mapped."""
    paths = sorted(
        path
        for step in ("finemap_loci", "import_credible_sets")
        for path in results.glob(f"{step}/*.fine_mapping.parquet")
    )
    if not paths:
        return []
    loci = read_tables(paths, FINE_MAPPING)
    counts = ", ".join(f"{n} {status}" for status, n in loci["status"].value_counts().items())
    others = loci[loci["status"] != "ok"]
    reasons = [line for _, rows in others.groupby(["status", "reason"], sort=True) for line in _reason_lines(rows)]
    return ["", f"Loci by status: {counts}", *reasons]


def _reason_lines(rows: pd.DataFrame) -> list[str]:
    names = list(rows["locus"])
    more = f" and {len(names) - _SHOWN_LOCI} more" if len(names) > _SHOWN_LOCI else ""
    first = rows.iloc[0]
    return [f"  {first['status']}: {', '.join(names[:_SHOWN_LOCI])}{more}", f"    {first['reason']}"]


if __name__ == "__main__":
    sys.stdout.write(main(results=sys.argv[1] if len(sys.argv) > 1 else "results"))
