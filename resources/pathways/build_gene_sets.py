"""Write the pathways that ship with the project, from a table with Entrez ids and an id map.

Not part of any run: use it to move to newer pathways. README.md beside this script says where the two files come from:

    PYTHONPATH=workflow/scripts python resources/pathways/build_gene_sets.py pathways.tsv.gz NCBI37.3.gene.loc.gz \
        resources/pathways/pathways.symbols.gmt.gz

Each line of the result is a set: identifier, `source | title`, and the symbols of its coding genes, separated by tabs.
"""

import argparse
import gzip
import logging
from pathlib import Path

from locus2target.targets.gene_sets import GMT_SEPARATOR, GeneSetFile, read_pathways, read_symbols

SOURCES = {"reactome": "Reactome", "wikipathways": "WikiPathways", "pid": "PID"}


def gmt_text(pathways: GeneSetFile) -> str:
    """Lines of the GMT file, sets by identifier and genes by symbol; sets without a gene have none."""
    rows = (
        "\t".join([found.identifier, f"{SOURCES[found.source]}{GMT_SEPARATOR}{found.name}", *sorted(found.genes)])
        for found in sorted(pathways.sets, key=lambda found: found.identifier)
        if found.genes
    )
    return "".join(f"{row}\n" for row in rows)


def main() -> None:
    """Read both files and write the sets, gzipped without a date so that equal sets give equal bytes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pathways", help="table of pathways with Entrez ids")
    parser.add_argument("symbols", help="MAGMA gene location file")
    parser.add_argument("output", type=Path, help="path of the .gmt.gz")
    arguments = parser.parse_args()
    pathways = read_pathways(arguments.pathways, read_symbols(arguments.symbols))
    text = gmt_text(pathways)
    arguments.output.write_bytes(gzip.compress(text.encode(), mtime=0))
    n_written = text.count("\n")
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.info(
        "%d sets written, %d without genes left out; %s",
        *(n_written, len(pathways.sets) - n_written, dict(pathways.dropped)),
    )


if __name__ == "__main__":
    main()
