"""What became of every input row: one word and one sentence for each possible end."""

from collections.abc import Mapping
from enum import StrEnum

import numpy as np
import numpy.typing as npt
import pandas as pd

SIGNS = "signs"
"""Name of the QC check that says whether a source gives the direction of its effects."""


class Disposition(StrEnum):
    """End of one input row; the words that start with `kept` are rows of the canonical table."""

    KEPT = "kept"
    KEPT_FLIPPED = "kept_flipped"
    KEPT_STRAND_FLIPPED = "kept_strand_flipped"
    KEPT_STRAND_FLIPPED_AND_FLIPPED = "kept_strand_flipped_and_flipped"
    KEPT_PALINDROMIC = "kept_palindromic"
    KEPT_PALINDROMIC_FLIPPED = "kept_palindromic_flipped"
    KEPT_UNVERIFIED = "kept_unverified"
    HEADER_ROW = "header_row"
    MISSING_POSITION = "missing_position"
    MISSING_ALLELE = "missing_allele"
    MISSING_GENE = "missing_gene"
    MISSING_TISSUE = "missing_tissue"
    MISSING_STATISTIC = "missing_statistic"
    MISSING_PIP = "missing_pip"
    INVALID_POSITION = "invalid_position"
    INVALID_ALLELE = "invalid_allele"
    INVALID_NUMBER = "invalid_number"
    INVALID_ODDS_RATIO = "invalid_odds_ratio"
    NON_POSITIVE_STANDARD_ERROR = "non_positive_standard_error"
    INVALID_P = "invalid_p"
    ZERO_P = "zero_p"
    INVALID_PIP = "invalid_pip"
    UNKNOWN_CHROMOSOME = "unknown_chromosome"
    LIFT_UNMAPPED = "lift_unmapped"
    LIFT_SPLIT = "lift_split"
    LIFT_MULTIPLE = "lift_multiple"
    BEYOND_CHROMOSOME = "beyond_chromosome"
    OUTSIDE_REGIONS = "outside_regions"
    REF_MISMATCH = "ref_mismatch"
    PALINDROMIC_AMBIGUOUS = "palindromic_ambiguous"
    INDEL_AMBIGUOUS = "indel_ambiguous"
    DUPLICATE_IDENTICAL = "duplicate_identical"
    DUPLICATE_VARIANT = "duplicate_variant"

    @property
    def kept(self) -> bool:
        """Whether the row is in the canonical table."""
        return self.value.startswith("kept")

    @property
    def sentence(self) -> str:
        """What happened, for people."""
        return _SENTENCES[self]


_SENTENCES: Mapping[Disposition, str] = {
    Disposition.KEPT: "The other allele is the reference allele; kept as given.",
    Disposition.KEPT_FLIPPED: "The effect allele is the reference allele; effect and frequency were turned round.",
    Disposition.KEPT_STRAND_FLIPPED: "The alleles are on the other strand; they were complemented.",
    Disposition.KEPT_STRAND_FLIPPED_AND_FLIPPED: (
        "The alleles are on the other strand and the effect allele is the reference allele; "
        "alleles were complemented, effect and frequency turned round."
    ),
    Disposition.KEPT_PALINDROMIC: "A/T or C/G variant of a study on the forward strand; kept as given.",
    Disposition.KEPT_PALINDROMIC_FLIPPED: (
        "A/T or C/G variant of a study on the forward strand; the effect allele is the reference allele, "
        "effect and frequency were turned round."
    ),
    Disposition.KEPT_UNVERIFIED: "The genome has no sequence there; kept with the other allele as reference allele.",
    Disposition.HEADER_ROW: "The line repeats the header.",
    Disposition.MISSING_POSITION: "Chromosome or position is missing.",
    Disposition.MISSING_ALLELE: "An allele is missing.",
    Disposition.MISSING_GENE: "The gene is missing.",
    Disposition.MISSING_TISSUE: "The tissue is missing.",
    Disposition.MISSING_STATISTIC: "There is no p-value, z-score or effect, or no sign where most rows have one.",
    Disposition.MISSING_PIP: "The posterior inclusion probability is missing.",
    Disposition.INVALID_POSITION: "The position is not a whole number of at least 1.",
    Disposition.INVALID_ALLELE: "An allele has letters other than A, C, G, T, or both alleles are the same.",
    Disposition.INVALID_NUMBER: "A number cannot be read or is infinite.",
    Disposition.INVALID_ODDS_RATIO: "The odds ratio is zero or negative.",
    Disposition.NON_POSITIVE_STANDARD_ERROR: "The standard error is zero or negative.",
    Disposition.INVALID_P: "The p-value is outside 0..1.",
    Disposition.ZERO_P: "The p-value is 0 and there is no effect with standard error to compute it from.",
    Disposition.INVALID_PIP: "The posterior inclusion probability is outside 0..1.",
    Disposition.UNKNOWN_CHROMOSOME: "The genome has no such chromosome.",
    Disposition.LIFT_UNMAPPED: "The position does not exist in the run's build.",
    Disposition.LIFT_SPLIT: "The reference allele is not in one piece in the run's build.",
    Disposition.LIFT_MULTIPLE: "The position maps to several places in the run's build.",
    Disposition.BEYOND_CHROMOSOME: "The position lies beyond the chromosome's end.",
    Disposition.OUTSIDE_REGIONS: "The run is restricted to other regions (loci.regions in the config).",
    Disposition.REF_MISMATCH: "Neither allele is the reference sequence there.",
    Disposition.PALINDROMIC_AMBIGUOUS: "A/T or C/G variant of a study whose strand is not proven.",
    Disposition.INDEL_AMBIGUOUS: (
        "Both alleles of the indel agree with the sequence, and the study does not always name the same one first."
    ),
    Disposition.DUPLICATE_IDENTICAL: "Repeats a variant with the same statistics; the first row is kept.",
    Disposition.DUPLICATE_VARIANT: "The variant stands in several rows with different statistics; none is kept.",
}

_ORDER = tuple(Disposition)
_OPEN = -1


class Ledger:
    """The disposition of each of `n_rows` rows; a row keeps the first one it is given."""

    def __init__(self, n_rows: int) -> None:
        self._codes: npt.NDArray[np.int8] = np.full(n_rows, _OPEN, dtype=np.int8)

    def settle(self, rows: npt.NDArray[np.bool_] | npt.NDArray[np.int64], disposition: Disposition) -> None:
        """Give `disposition` to those of `rows` (mask or row numbers) that have none yet."""
        numbers = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows
        self._codes[numbers[self._codes[numbers] == _OPEN]] = _ORDER.index(disposition)

    def withdraw(self, rows: npt.NDArray[np.int64], disposition: Disposition) -> None:
        """Replace the disposition of kept rows that turn out to be duplicates."""
        self._codes[rows] = _ORDER.index(disposition)

    def open_rows(self) -> npt.NDArray[np.int64]:
        """Rows without a disposition."""
        return np.flatnonzero(self._codes == _OPEN)

    def has(self, disposition: Disposition) -> npt.NDArray[np.bool_]:
        """Which rows have `disposition`."""
        mask: npt.NDArray[np.bool_] = self._codes == _ORDER.index(disposition)
        return mask

    def kept(self) -> npt.NDArray[np.bool_]:
        """Which rows are kept.

        Raises
        ------
        RuntimeError
            If a row has no disposition: a defect of the caller.
        """
        if (self._codes == _OPEN).any():
            raise RuntimeError(f"{(self._codes == _OPEN).sum()} rows have no disposition")
        is_kept = np.array([disposition.kept for disposition in _ORDER])
        return np.asarray(is_kept[self._codes], dtype=np.bool_)

    def words(self) -> "pd.Series[str]":
        """Disposition of each row, as a categorical series of words."""
        words = pd.CategoricalDtype([disposition.value for disposition in _ORDER])
        return pd.Series(pd.Categorical.from_codes(self._codes, dtype=words))

    def counts(self) -> dict[Disposition, int]:
        """Rows per disposition that occurs, in the order of the enum."""
        totals = np.bincount(self._codes[self._codes != _OPEN], minlength=len(_ORDER))
        return {disposition: int(total) for disposition, total in zip(_ORDER, totals, strict=True) if total}
