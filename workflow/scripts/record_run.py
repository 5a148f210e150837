"""Write the manifest of the run: checksums of all inputs, versions, code, settings and seeds, when and where.

Input: every file that the run reads. Output: JSON, see `ingest.manifest.describe_run`. Compressed inputs are unpacked
to their end, so that damage which reading by region would not meet ends the run.
"""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from locus2target.core.job import job
from locus2target.core.settings import Settings
from locus2target.core.tables import atomic_path
from locus2target.ingest.manifest import describe_run

if TYPE_CHECKING:
    snakemake: Any

_LOG = logging.getLogger(__name__)


def main(*, manifest: str, run: Mapping[str, Any], threads: int) -> None:
    settings = Settings(**{name: run[name] for name in ("config", "studies", "cohorts", "qtls", "models")})
    facts = describe_run(
        settings,
        scripts=Path(__file__).parent,
        config_file=run["config_file"],
        software=run["launched_with"],
        threads=threads,
    )
    with atomic_path(manifest) as path:
        path.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    total = sum(entry["bytes"] for entry in facts["inputs"])
    _LOG.info("%d input files, %d bytes; code %s", len(facts["inputs"]), total, facts["code"]["library"])


if __name__ == "__main__":
    with job(snakemake.log[0], threads=snakemake.threads):
        main(manifest=snakemake.output.manifest, run=snakemake.params.run, threads=snakemake.threads)
