"""Variant keys and alleles.

A key is `chromosome:position:ref:alt` on the run's build: canonical chromosome, 1-based position, upper case,
left-normalised, one alternative allele. The effect allele is ALT everywhere inside.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

_COMPLEMENT = str.maketrans("ACGTN", "TGCAN")
FetchSequence = Callable[[int, int], str]
"""(start, end) 0-based half-open on one chromosome -> upper-case bases."""


@dataclass(frozen=True, slots=True, order=True)
class Variant:
    """One alternative allele at one place; `position` is 1-based."""

    chromosome: str
    position: int
    ref: str
    alt: str

    @property
    def key(self) -> str:
        """`chromosome:position:ref:alt`."""
        return f"{self.chromosome}:{self.position}:{self.ref}:{self.alt}"

    @property
    def is_snv(self) -> bool:
        """Whether one base is replaced by one other."""
        return len(self.ref) == len(self.alt) == 1


def parse_variant_key(key: str) -> Variant:
    """Read a key that this project wrote.

    Raises
    ------
    ValueError
        If the text does not have four fields with an integer position.
    """
    chromosome, position, ref, alt = key.split(":")
    return Variant(chromosome, int(position), ref, alt)


def variant_keys(variants: pd.DataFrame) -> "pd.Series[str]":
    """Keys of the rows, from columns chromosome, position, ref, alt."""
    return (
        variants["chromosome"].astype(str)
        + ":"
        + variants["position"].astype(str)
        + ":"
        + variants["ref"].astype(str)
        + ":"
        + variants["alt"].astype(str)
    )


def reverse_complement(allele: str) -> str:
    """Allele as the other strand reads it.

    >>> reverse_complement("AAC")
    'GTT'
    """
    return allele.translate(_COMPLEMENT)[::-1]


def is_palindromic(ref: str, alt: str) -> bool:
    """Whether the two alleles are each other's complement, so that the strand cannot be told from them."""
    return reverse_complement(ref) == alt


def normalize_variant(variant: Variant, fetch: FetchSequence) -> Variant:
    """Trim shared bases and shift an indel as far left as the sequence allows (Tan et al. 2015).

    Parameters
    ----------
    variant
        With REF as the genome has it.
    fetch
        Sequence access on the variant's chromosome.
    """
    position, ref, alt = variant.position, variant.ref, variant.alt
    while ref[-1] == alt[-1] and (len(ref) > 1 or len(alt) > 1):
        if min(len(ref), len(alt)) == 1:
            if position == 1:
                break
            before = fetch(position - 2, position - 1)
            if before not in {"A", "C", "G", "T"}:
                break
            position, ref, alt = position - 1, before + ref, before + alt
        ref, alt = ref[:-1], alt[:-1]
    shared = 0
    while shared < min(len(ref), len(alt)) - 1 and ref[shared] == alt[shared]:
        shared += 1
    return Variant(variant.chromosome, position + shared, ref[shared:], alt[shared:])


@dataclass(frozen=True, slots=True)
class VariantMatch:
    """Rows of two variant tables that are the same variant.

    Attributes
    ----------
    left, right
        int64 arrays of shape (n_matched,): row numbers, in the left table's order.
    sign
        float64 array of shape (n_matched,): +1 where REF and ALT agree, -1 where they are exchanged.
    """

    left: npt.NDArray[np.int64]
    right: npt.NDArray[np.int64]
    sign: npt.NDArray[np.float64]


def match_variants(left: pd.DataFrame, right: pd.DataFrame) -> VariantMatch:
    """Match two tables on the full key; single-base changes also with REF and ALT exchanged.

    An exchanged match can only arise where the genome has no sequence to say which allele is REF; where it has,
    both tables agree already. Indels are matched as they stand: exchanging them can name another real variant.
    The first row wins where a table holds a variant twice.
    """
    snv = np.flatnonzero((right["ref"].str.len() == 1) & (right["alt"].str.len() == 1))
    exchanged = right.iloc[snv].rename(columns={"ref": "alt", "alt": "ref"})
    codes = _variant_codes(left, right, exchanged)
    of_left, candidates = codes[: len(left)], codes[len(left) :]
    row_of_code = np.full(len(codes), -1, dtype=np.int64)
    row_of_code[candidates[::-1]] = np.arange(len(candidates))[::-1]  # the first one is written last, and stays
    row = row_of_code[of_left]
    matched = np.flatnonzero((row >= 0) & _is_first(of_left))
    is_exchanged = row[matched] >= len(right)
    right_row = np.concatenate([np.arange(len(right)), snv]).astype(np.int64)[row[matched]]
    first = _is_first(right_row)
    return VariantMatch(matched[first], right_row[first], np.where(is_exchanged, -1.0, 1.0)[first])


def _variant_codes(*tables: pd.DataFrame) -> npt.NDArray[np.int64]:
    """A number for every row of all tables one after the other, the same for the same key."""
    codes = np.zeros(sum(len(table) for table in tables), dtype=np.int64)
    for name in ("chromosome", "position", "ref", "alt"):
        values, distinct = pd.factorize(pd.concat([table[name] for table in tables], ignore_index=True))
        codes = pd.factorize(codes * len(distinct) + values)[0].astype(np.int64)
    return codes


def _is_first(codes: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Which elements are the first of their value."""
    first: npt.NDArray[np.bool_] = ~pd.Series(codes).duplicated().to_numpy(np.bool_)
    return first
