"""Write the motif bank that ships with the project, from the JASPAR release inside pyjaspar.

Not part of any run: use it to move to a newer JASPAR release. It needs `pip install pyjaspar==4.0.0`, which holds the
whole database, and no network:

    python resources/motifs/build_motif_bank.py resources/motifs/jaspar2026_core_vertebrates.npz

The columns of the file are described in README.md beside this script.
"""

import argparse
from collections.abc import Sequence

import numpy as np
from Bio.motifs.jaspar import Motif
from pyjaspar import jaspardb

RELEASE = "JASPAR2026"
TITLE = "JASPAR 2026 CORE vertebrates"
LICENCE = "JASPAR: open access, data usable without restrictions (help page of jaspar.elixir.no)"
CITATION = "JASPAR 2026, Nucleic Acids Research database issue 2026 (PMC12807658); through pyjaspar 4.0.0"
# Families that describe how the fingers are spaced, not what they bind: their factors have unrelated motifs.
CATCH_ALL_FAMILIES = frozenset(
    {
        "More than 3 adjacent zinc fingers",
        "Factors with multiple dispersed zinc fingers",
        "Other factors with up to three adjacent zinc fingers",
    }
)


def family_of(motif: Motif) -> str:
    """Group of motifs that look alike: the TF family, or the factor itself where the family says nothing."""
    families = [family for family in motif.tf_family if family not in CATCH_ALL_FAMILIES]
    return "; ".join(families) if families else motif.name.upper()


def counts_of(motif: Motif) -> np.ndarray:
    """Counts, float32 of shape (w, 4), columns ACGT."""
    return np.array([motif.counts[base] for base in "ACGT"], dtype=np.float32).T


def write_bank(motifs: Sequence[Motif], path: str) -> None:
    """Write motifs, sorted by id, as a compressed array file."""
    ordered = sorted(motifs, key=lambda motif: motif.matrix_id)
    np.savez_compressed(
        path,
        counts=np.concatenate([counts_of(motif) for motif in ordered]),
        widths=np.array([motif.length for motif in ordered], dtype=np.int32),
        ids=np.array([motif.matrix_id for motif in ordered]),
        names=np.array([motif.name for motif in ordered]),
        families=np.array([family_of(motif) for motif in ordered]),
        title=np.array(TITLE),
        licence=np.array(LICENCE),
        citation=np.array(CITATION),
    )


def main() -> None:
    """Fetch the CORE vertebrate collection and write it."""
    parser = argparse.ArgumentParser(description="Write the motif bank from pyjaspar's JASPAR release.")
    parser.add_argument("path", help="the .npz file to write")
    path = parser.parse_args().path
    write_bank(jaspardb(release=RELEASE).fetch_motifs(collection="CORE", tax_group=["vertebrates"]), path)


if __name__ == "__main__":
    main()
