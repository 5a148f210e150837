"""Print where a finished run's report is and the top gene of each disease: `summarize_run.py RESULTS`."""

import sys
from pathlib import Path

from locus2target.core.schemas import RANKED_GENES
from locus2target.core.tables import read_table


def main(*, results: str) -> None:
    """Print one line per disease, then the report's path."""
    for path in sorted(Path(results, "rank_genes").glob("*.parquet")):
        if "." not in path.stem:  # `disease.locus_genes` and others are other tables
            print(_summary(path))
    print(f"\nReport: {Path(results, 'render_report', 'report.html').resolve()}")


def _summary(path: Path) -> str:
    ranked = read_table(path, RANKED_GENES)
    if ranked.empty:
        return f"{path.stem:24s} no candidate gene"
    best = ranked.sort_values("gene_rank").iloc[0]
    verdict = f"{best['gene_symbol']:12s} {best['probability']:.2f}  {best['status']}"
    return f"{path.stem:24s} {verdict:32s} {best['mechanism']}"


if __name__ == "__main__":
    main(results=sys.argv[1])
