"""One spelling of chromosome names inside (`1`, `X`, `MT`), whatever the files say (`chr1`, `chrM`)."""

from collections.abc import Iterable

from locus2target.core.errors import InputError

_MITOCHONDRION = {"M": "MT"}
_NUMBERED_SEX = {"23": "X", "24": "Y", "26": "MT"}  # PLINK's codes; 25 (XY) has no one contig
AUTOSOMES = tuple(str(number) for number in range(1, 23))
ORDER = {name: rank for rank, name in enumerate((*AUTOSOMES, "X", "Y", "MT"))}


def canonical_chromosome(name: str) -> str:
    """Return the name without `chr`, upper-cased for sex and mitochondrial contigs.

    >>> [canonical_chromosome(name) for name in ("chr7", "7", "chrx", "chrM", "23", "GL000192.1")]
    ['7', '7', 'X', 'MT', 'X', 'GL000192.1']
    """
    bare = name[3:] if name[:3].lower() == "chr" else name
    upper = bare.upper()
    upper = _MITOCHONDRION.get(upper, _NUMBERED_SEX.get(upper, upper))
    return upper if upper in ORDER else bare


def contig_map(contigs: Iterable[str], *, where: str) -> dict[str, str]:
    """Map canonical chromosome names to the contig names that one file uses.

    Raises
    ------
    InputError
        If two contigs of the file stand for the same chromosome.
    """
    mapping: dict[str, str] = {}
    for contig in contigs:
        chromosome = canonical_chromosome(contig)
        if chromosome in mapping:
            raise InputError(
                f"contigs {mapping[chromosome]!r} and {contig!r} both stand for chromosome {chromosome}",
                where=where,
                remedy="Keep one of them, or rename the other.",
            )
        mapping[chromosome] = contig
    return mapping


def chromosome_rank(chromosome: str) -> tuple[int, str]:
    """Sort key: 1..22, X, Y, MT, then other contigs by name."""
    return ORDER.get(chromosome, len(ORDER)), chromosome
