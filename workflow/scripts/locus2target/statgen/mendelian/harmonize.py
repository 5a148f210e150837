"""Outcome effects for the exposure's effect alleles: alleles of the two sources matched, strands told apart.

For sources outside this run, whose strand is not known; tables that went through `ingest` count ALT everywhere and are
joined on their keys. Each row is a variant with the alleles of both sources:

1. Insertions and deletions coded I and D take the sequences of the other source, the longer one being I.
2. Equal alleles stay; exchanged ones negate the effect and turn the frequency to 1 - f.
3. What does not match is complemented and tried again; then it is incompatible.
4. Palindromic alleles (A/T, C/G) look alike on both strands. They are ambiguous when a frequency is missing or between
   0.42 and 0.58. The policy decides: `trust` takes both sources to be on the same strand; `frequency` turns the effect
   where the frequencies lie on opposite sides of 0.5 and leaves out the ambiguous; `drop` leaves out all of them.
5. When the outcome has no other allele, its effect allele must match, palindromic alleles are left out, and the match
   is ambiguous unless it is on the given strand and both frequencies are below 0.42 or both above 0.58; `trust` keeps
   these, the other policies leave them out.

These are the rules of `harmonise_data` in TwoSampleMR with actions 1, 2 and 3, except that longer alleles are reversed
when they are complemented.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt
import pandas as pd

from locus2target.ingest.alleles import AlleleDictionary, encode_alleles

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

INPUT_COLUMNS = (
    "exposure_effect_allele",
    "exposure_other_allele",
    "exposure_frequency",
    "outcome_effect_allele",
    "outcome_other_allele",
    "outcome_beta",
    "outcome_frequency",
)

_RARE, _COMMON = 0.42, 0.58  # effect allele frequencies between them do not tell the strand


class Palindromes(StrEnum):
    """What to do with variants whose alleles are each other's complement."""

    TRUST = "trust"
    FREQUENCY = "frequency"
    DROP = "drop"


class MatchStatus(StrEnum):
    """End of one variant; the words that start with `kept` are instruments."""

    KEPT = "kept"
    KEPT_FLIPPED = "kept_flipped"
    KEPT_STRAND_FLIPPED = "kept_strand_flipped"
    KEPT_STRAND_FLIPPED_AND_FLIPPED = "kept_strand_flipped_and_flipped"
    KEPT_TURNED_BY_FREQUENCY = "kept_turned_by_frequency"
    MISSING_ALLELE = "missing_allele"
    INCOMPATIBLE_ALLELES = "incompatible_alleles"
    PALINDROMIC = "palindromic"
    AMBIGUOUS = "ambiguous"

    @property
    def kept(self) -> bool:
        """Whether the variant can be an instrument."""
        return self.value.startswith("kept")

    @property
    def sentence(self) -> str:
        """What happened, for people."""
        return _SENTENCES[self]


_SENTENCES: Mapping[MatchStatus, str] = {
    MatchStatus.KEPT: "Both sources count the same allele.",
    MatchStatus.KEPT_FLIPPED: "The outcome counts the other allele; its effect and frequency were turned round.",
    MatchStatus.KEPT_STRAND_FLIPPED: "The outcome's alleles are on the other strand; they were complemented.",
    MatchStatus.KEPT_STRAND_FLIPPED_AND_FLIPPED: (
        "The outcome's alleles are on the other strand and it counts the other allele; "
        "alleles were complemented, effect and frequency turned round."
    ),
    MatchStatus.KEPT_TURNED_BY_FREQUENCY: (
        "A/T or C/G variant whose frequencies say that the outcome is on the other strand; "
        "its effect and frequency were turned round."
    ),
    MatchStatus.MISSING_ALLELE: "An allele is missing.",
    MatchStatus.INCOMPATIBLE_ALLELES: "The alleles of exposure and outcome do not match on either strand.",
    MatchStatus.PALINDROMIC: "A/T or C/G variant: the alleles do not tell the strand.",
    MatchStatus.AMBIGUOUS: "Neither alleles nor frequencies tell which allele the outcome counts.",
}


@dataclass(frozen=True, slots=True)
class _Codes:
    """Allele codes of each row, shape (n,), -1 where missing; `other` may be missing in the outcome."""

    effect: IntArray
    other: IntArray


@dataclass(frozen=True, slots=True)
class _Match:
    """How the outcome's alleles match the exposure's, bool arrays of shape (n,).

    Attributes
    ----------
    missing
        An allele other than the outcome's other allele is missing.
    found, other_strand, exchanged
        Alleles match; only when complemented; the outcome counts the exposure's other allele.
    one_allele
        The outcome has no other allele.
    palindromic
        The exposure's alleles are each other's complement.
    """

    missing: BoolArray
    found: BoolArray
    other_strand: BoolArray
    exchanged: BoolArray
    one_allele: BoolArray
    palindromic: BoolArray


def harmonize_effects(pairs: pd.DataFrame, *, palindromes: Palindromes) -> pd.DataFrame:
    """Align the outcome of each variant with the exposure.

    Parameters
    ----------
    pairs
        One row per variant with `INPUT_COLUMNS`: alleles as text in any case, missing ones as NaN; frequencies of the
        effect alleles, NaN where unknown.
    palindromes
        Policy for A/T and C/G variants.

    Returns
    -------
    pandas.DataFrame
        With the same index and all rows: `effect_allele`, `other_allele` (the exposure's, upper case, I and D
        translated); `outcome_beta`, `outcome_frequency` for that effect allele (as given where nothing matched);
        `palindromic`, `ambiguous`, `kept` (bool); `status` (a `MatchStatus`) and `reason`.
    """
    exposure, outcome, dictionary = _encoded(pairs)
    match = _match_alleles(exposure, outcome, dictionary)
    beta, frequency = _turned(pairs["outcome_beta"], pairs["outcome_frequency"], match.exchanged)
    exposure_frequency = pairs["exposure_frequency"].to_numpy(np.float64)
    ambiguous = match.found & np.where(
        match.one_allele,
        match.palindromic | match.other_strand | ~_agree(exposure_frequency, frequency),
        match.palindromic & ~(_tells_strand(exposure_frequency) & _tells_strand(frequency)),
    )
    turned = np.zeros(len(pairs), dtype=bool)
    if palindromes == Palindromes.FREQUENCY:
        opposite = (exposure_frequency - 0.5) * (frequency - 0.5) < 0.0
        turned = match.found & match.palindromic & ~match.one_allele & opposite
        beta, frequency = _turned(beta, frequency, turned)
    status = pd.Series(_statuses(match, ambiguous, turned, palindromes), index=pairs.index, dtype="str")
    texts = np.append(dictionary.texts, np.nan)  # code -1 is missing
    return pd.DataFrame(
        {
            "effect_allele": pd.Series(texts[exposure.effect], index=pairs.index, dtype="str"),
            "other_allele": pd.Series(texts[exposure.other], index=pairs.index, dtype="str"),
            "outcome_beta": beta,
            "outcome_frequency": frequency,
            "palindromic": match.palindromic,
            "ambiguous": ambiguous,
            "kept": status.str.startswith("kept"),
            "status": status,
            "reason": status.map({word.value: word.sentence for word in MatchStatus}),
        }
    )


def _statuses(match: _Match, ambiguous: BoolArray, turned: BoolArray, palindromes: Palindromes) -> npt.NDArray[np.str_]:
    cases = [
        (match.missing, MatchStatus.MISSING_ALLELE),
        (~match.found, MatchStatus.INCOMPATIBLE_ALLELES),
        (match.palindromic & (match.one_allele | (palindromes == Palindromes.DROP)), MatchStatus.PALINDROMIC),
        (ambiguous & (palindromes != Palindromes.TRUST), MatchStatus.AMBIGUOUS),
        (turned, MatchStatus.KEPT_TURNED_BY_FREQUENCY),
        (match.other_strand & match.exchanged, MatchStatus.KEPT_STRAND_FLIPPED_AND_FLIPPED),
        (match.other_strand, MatchStatus.KEPT_STRAND_FLIPPED),
        (match.exchanged, MatchStatus.KEPT_FLIPPED),
    ]
    return np.select([rows for rows, _ in cases], [word.value for _, word in cases], MatchStatus.KEPT.value)


def _encoded(pairs: pd.DataFrame) -> tuple[_Codes, _Codes, AlleleDictionary]:
    """Alleles of exposure and outcome as codes, I and D translated."""
    names = [f"{side}_{which}_allele" for side in ("exposure", "outcome") for which in ("effect", "other")]
    dictionary, codes = encode_alleles(*(pairs[name] for name in names))
    exposure, outcome = _Codes(codes[0], codes[1]), _Codes(codes[2], codes[3])
    return _with_sequences(exposure, outcome, dictionary), _with_sequences(outcome, exposure, dictionary), dictionary


def _with_sequences(codes: _Codes, partner: _Codes, dictionary: AlleleDictionary) -> _Codes:
    """I and D replaced by the longer and shorter sequence of the other source, where that has two of unequal length."""
    texts = np.append(dictionary.texts, "")  # code -1 is the empty text
    lengths = np.append(dictionary.lengths, 0)
    sequences = np.append(dictionary.valid, False)
    usable = sequences[partner.effect] & sequences[partner.other] & (lengths[partner.effect] != lengths[partner.other])
    effect_longer = lengths[partner.effect] > lengths[partner.other]
    longer = np.where(effect_longer, partner.effect, partner.other)
    shorter = np.where(effect_longer, partner.other, partner.effect)
    effect, other = (
        np.where(usable & (texts[code] == "I"), longer, np.where(usable & (texts[code] == "D"), shorter, code))
        for code in (codes.effect, codes.other)
    )
    return _Codes(effect, other)


def _match_alleles(exposure: _Codes, outcome: _Codes, dictionary: AlleleDictionary) -> _Match:
    given_same, given_exchanged = _same_and_exchanged(exposure, outcome)
    complemented = _Codes(_complements(outcome.effect, dictionary), _complements(outcome.other, dictionary))
    same, exchanged = _same_and_exchanged(exposure, complemented)
    on_given = given_same | given_exchanged
    other_strand = ~on_given & (same | exchanged)
    missing = (exposure.effect < 0) | (exposure.other < 0) | (outcome.effect < 0)
    return _Match(
        missing=missing,
        found=on_given | other_strand,
        other_strand=other_strand,
        exchanged=np.where(on_given, given_exchanged, exchanged),
        one_allele=~missing & (outcome.other < 0),
        palindromic=~missing & (_complements(exposure.effect, dictionary) == exposure.other),
    )


def _same_and_exchanged(exposure: _Codes, outcome: _Codes) -> tuple[BoolArray, BoolArray]:
    """Rows whose alleles are equal, and rows whose alleles are exchanged."""
    possible = (exposure.effect >= 0) & (exposure.other >= 0) & (exposure.effect != exposure.other)
    unknown = outcome.other < 0
    same = possible & (outcome.effect == exposure.effect) & (unknown | (outcome.other == exposure.other))
    exchanged = possible & (outcome.effect == exposure.other) & (unknown | (outcome.other == exposure.effect))
    return same, exchanged


def _complements(codes: IntArray, dictionary: AlleleDictionary) -> IntArray:
    return np.append(dictionary.complements, -1)[codes]


def _turned(
    beta: "FloatArray | pd.Series[float]", frequency: "FloatArray | pd.Series[float]", rows: BoolArray
) -> tuple[FloatArray, FloatArray]:
    beta, frequency = np.asarray(beta, np.float64), np.asarray(frequency, np.float64)
    return np.where(rows, -beta, beta), np.where(rows, 1.0 - frequency, frequency)


def _tells_strand(frequency: FloatArray) -> BoolArray:
    return (frequency <= _RARE) | (frequency >= _COMMON)


def _agree(first: FloatArray, second: FloatArray) -> BoolArray:
    return ((first < _RARE) & (second < _RARE)) | ((first > _COMMON) & (second > _COMMON))
