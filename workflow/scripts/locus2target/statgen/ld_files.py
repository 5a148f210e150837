"""LD from matrix files: which of them serves a locus, and its part on the study's alleles.

`ingest.ld_matrix` describes the formats.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from locus2target.core.intervals import Region, start_of
from locus2target.core.variants import (
    FetchSequence,
    Variant,
    VariantMatch,
    match_variants,
    normalize_variant,
    variant_keys,
)
from locus2target.ingest.cohort import region_sequence
from locus2target.ingest.genome import Genome
from locus2target.ingest.ld_matrix import Array, MatrixVariants, read_matrix, read_variants
from locus2target.statgen.ld import FloatArray, IntArray, LdMatrix, digest_keys

LEFT_OUT_REASONS: Mapping[str, str] = {
    "invalid_allele": "an allele is not made of A, C, G and T",
    "ref_mismatch": "the genome has neither allele there",
    "ambiguous_indel": "either allele can be REF by the genome, and the study has variants for both readings",
    "outside_region": "the left-normalised variant lies in the neighbouring region",
    "duplicate": "an earlier row of the matrix is the same variant",
    "not_in_study": "the study does not have the variant",
    "monomorphic": "its correlations are not numbers, as for a variant that does not vary",
    "outside_ld_block": "the study's variant lies before or behind the variants of the matrix",
}
"""Why a variant of the matrix, or for the last reason one of the study, is without LD."""

_KEY = ["chromosome", "position", "ref", "alt"]
_VALID_ALLELE = re.compile(r"^[ACGT]+$")


@dataclass(frozen=True, slots=True)
class MatrixFile:
    """An LD matrix of the cohorts sheet: its npz, the canonical chromosome (or `all`), people behind it."""

    path: str
    chromosome: str
    n_samples: int


@dataclass(frozen=True, slots=True)
class _Block:
    """The part of one matrix file that lies in a region.

    Attributes
    ----------
    file
        Where it is from.
    n_in_file
        Variants of the whole file.
    index
        int64 array of shape (n,), ascending: rows of the matrix.
    placed
        Those with alleles that the genome confirms: columns chromosome, position, ref, alt, `row` (into `index`) and
        `sign` (-1 where r counts REF). An indel that can be read both ways is there twice.
    left_out
        Number of the others, per reason.
    span
        First and last position of the whole file on the region's chromosome.
    """

    file: MatrixFile
    n_in_file: int
    index: IntArray
    placed: pd.DataFrame
    left_out: Counter[str]
    span: tuple[int, int]


@dataclass(frozen=True, slots=True)
class AlignedMatrix:
    """`AlignedLd` of a matrix file.

    Attributes
    ----------
    rows
        int64 array of shape (n_variants,), ascending: rows of the study that have LD.
    left_out
        Number of variants without LD, for each of `LEFT_OUT_REASONS` that occurred.
    n_exchanged
        Variants whose r in the file counts the study's REF allele.
    r
        float64 array of shape (n_variants, n_variants), per ALT allele of the study.
    n_samples
        People behind the matrix.
    keys_digest
        `digest_keys` of the study's variant keys, in the order of `rows`.
    """

    rows: IntArray
    left_out: Mapping[str, int]
    n_exchanged: int
    r: FloatArray
    n_samples: int
    keys_digest: str

    def matrix(self) -> LdMatrix:
        """The LD matrix as the file has it: one that is not positive semidefinite shows in `spectrum.smallest`."""
        return LdMatrix(self.rows, self.r, self.n_samples, self.keys_digest)


class MatrixLd:
    """LD from matrix files, one or more per chromosome.

    Where several files have variants of a region, as LD blocks that overlap have, the one with most of the study's is
    taken: there is no r between variants of different files.

    Parameters
    ----------
    files
        The matrices.
    genome
        Reference sequence: says which of two alleles is REF. Without it, a list's columns ref and alt do.
    """

    def __init__(self, files: Sequence[MatrixFile], genome: Genome | None) -> None:
        self._files = tuple(files)
        self._genome = genome
        self._spans: dict[MatrixFile, dict[str, tuple[int, int]]] = {}
        self._blocks: tuple[Region, list[_Block]] | None = None
        self._loaded: tuple[_Block, Array] | None = None

    def align(self, region: Region, study: pd.DataFrame, *, min_maf: float) -> AlignedMatrix:  # noqa: ARG002
        """See `LdSource.align`; a matrix does not tell frequencies, so `min_maf` changes nothing.

        Raises
        ------
        InputError
            If a matrix or its list is missing, damaged, of the wrong size, or not of signed correlations.
        """
        candidates = [(block, match_variants(study, block.placed)) for block in self._blocks_of(region)]
        if not candidates:
            return AlignedMatrix(np.empty(0, dtype=np.int64), {}, 0, np.empty((0, 0)), 0, digest_keys([]))
        block, match = max(candidates, key=lambda candidate: len(candidate[1].left))
        return _align_block(block, match, self._read(block), study)

    def _blocks_of(self, region: Region) -> list[_Block]:
        """Parts of the files that lie in the region; those of the last region are kept."""
        if self._blocks is None or self._blocks[0] != region:
            found = [self._block(file, region) for file in self._files if file.chromosome in {region.chromosome, "all"}]
            self._blocks = (region, [block for block in found if block is not None])
        return self._blocks[1]

    def _block(self, file: MatrixFile, region: Region) -> _Block | None:
        """The file's part in a region; None when it has no variants there."""
        spans = self._spans.get(file)
        if spans is not None and not _reaches(spans, region):
            return None
        variants = read_variants(file.path)
        positions = variants.table.groupby("chromosome")["position"]
        spans = {str(name): (int(group.min()), int(group.max())) for name, group in positions}
        self._spans[file] = spans
        if not _reaches(spans, region):
            return None
        fetch = region_sequence(self._genome, region)
        return _cut_block(file, variants, spans[region.chromosome], region, fetch)

    def _read(self, block: _Block) -> Array:
        if self._loaded is None or self._loaded[0] is not block:
            self._loaded = (block, read_matrix(block.file.path, block.n_in_file, block.index))
        return self._loaded[1]


def _reaches(spans: Mapping[str, tuple[int, int]], region: Region) -> bool:
    first, last = spans.get(region.chromosome, (0, 0))
    return first <= region.last_position and last >= region.first_position


def _cut_block(
    file: MatrixFile, variants: MatrixVariants, span: tuple[int, int], region: Region, fetch: FetchSequence
) -> _Block:
    """A file's variants in a region, with REF and ALT as the genome has them."""
    table = variants.table
    inside = (table["chromosome"] == region.chromosome) & table["position"].between(
        region.first_position, region.last_position
    )
    index = np.flatnonzero(inside).astype(np.int64)
    left_out: Counter[str] = Counter()
    places: list[_Place] = []
    for row, (position, counted, other) in enumerate(
        zip(*(table[name].iloc[index] for name in ("position", "counted", "other")), strict=True)
    ):
        pair = Variant(region.chromosome, int(position), other, counted)
        found = _place_pair(row, pair, region, fetch, has_ref=variants.has_ref)
        if isinstance(found, str):
            left_out[found] += 1
        else:
            places += found
    return _Block(file, len(table), index, _placed_table(places), left_out, span)


@dataclass(frozen=True, slots=True)
class _Place:
    """One reading of a row of the matrix as a variant; `sign` is -1 where r counts REF."""

    row: int
    variant: Variant
    sign: float


def _place_pair(row: int, pair: Variant, region: Region, fetch: FetchSequence, *, has_ref: bool) -> list[_Place] | str:
    """Readings of two alleles as REF and ALT, or the reason why there is none.

    `pair` has the counted allele as ALT. Both readings of an indel can fit the genome (an allele that begins like the
    other); a list with columns ref and alt is then taken at its word, for others the study decides.
    """
    if not (_VALID_ALLELE.match(pair.ref) and _VALID_ALLELE.match(pair.alt)) or pair.ref == pair.alt:
        return "invalid_allele"
    swapped = Variant(pair.chromosome, pair.position, pair.alt, pair.ref)
    readings = [(variant, sign) for variant, sign in ((pair, 1.0), (swapped, -1.0)) if _fits(variant, fetch)]
    if not readings:
        return "ref_mismatch"
    if has_ref or pair.is_snv:  # an SNV fits both ways only where the genome has N; matching allows an exchange there
        readings = readings[:1]
    normalized = [(normalize_variant(variant, fetch), sign) for variant, sign in readings]
    inside = [
        _Place(row, variant, sign) for variant, sign in normalized if region.contains(pair.chromosome, variant.position)
    ]
    return inside or "outside_region"


def _fits(variant: Variant, fetch: FetchSequence) -> bool:
    """Whether the genome has REF at the variant's position; N fits every base."""
    start = start_of(variant.position)
    bases = fetch(start, start + len(variant.ref))
    return all(base in {"N", own} for base, own in zip(bases, variant.ref, strict=True))


def _placed_table(places: Sequence[_Place]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "chromosome": pd.Series([place.variant.chromosome for place in places], dtype="str"),
            "position": np.array([place.variant.position for place in places], dtype=np.int64),
            "ref": pd.Series([place.variant.ref for place in places], dtype="str"),
            "alt": pd.Series([place.variant.alt for place in places], dtype="str"),
            "row": np.array([place.row for place in places], dtype=np.int64),
            "sign": np.array([place.sign for place in places], dtype=np.float64),
        }
    )


def _align_block(block: _Block, match: VariantMatch, r: Array, study: pd.DataFrame) -> AlignedMatrix:
    """Matched rows of a block on the study's alleles, and an account of the others."""
    placed = block.placed
    matched = placed["row"].to_numpy()[match.right]
    is_only_reading = ~pd.Series(matched).duplicated(keep=False).to_numpy(dtype=bool)
    varies = np.isfinite(np.diagonal(r))[matched]
    kept = is_only_reading & varies
    sign = (placed["sign"].to_numpy()[match.right] * match.sign)[kept]
    rows, own = match.left[kept], matched[kept]
    repeats = set(placed["row"].to_numpy()[placed.duplicated(_KEY).to_numpy()]) - set(matched)
    left_out = block.left_out + Counter(
        ambiguous_indel=len(set(matched[~is_only_reading])),
        monomorphic=int(np.count_nonzero(is_only_reading & ~varies)),
        duplicate=len(repeats),
        not_in_study=len(set(placed["row"]) - set(matched) - repeats),
        outside_ld_block=int((~study["position"].between(*block.span)).sum()),
    )
    return AlignedMatrix(
        rows=rows,
        left_out=dict(left_out),
        n_exchanged=int(np.count_nonzero(sign < 0)),
        r=r[np.ix_(own, own)] * np.multiply.outer(sign, sign),
        n_samples=block.file.n_samples,
        keys_digest=digest_keys(variant_keys(study.iloc[rows])),
    )
