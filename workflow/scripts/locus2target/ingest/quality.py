"""Checks of a whole study: statistics that contradict each other, columns that were mistaken, and the QC table."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import spearmanr

from locus2target.core.errors import InputError
from locus2target.core.schemas import HARMONIZATION_QC
from locus2target.ingest.association import Association, FloatArray, size_of_z
from locus2target.ingest.dispositions import SIGNS, Disposition, Ledger
from locus2target.ingest.orientation import Strand, StudyOrientation
from locus2target.ingest.readers import RawTable

_GROSS_SHARE = 0.5  # of the data rows, from which one fault of values means that a column was mistaken
_MIN_COMPARED = 20  # rows with effect, standard error and p that a comparison needs
_MAX_COMPARED = 200_000  # a sample of evenly spaced rows of this size is compared
_RATIO_OK = (0.8, 1.25)  # median |z from effect| / |z from p|; genomic control and rounding stay inside
_RATIO_POSSIBLE = (0.5, 2.0)
_MIN_RANK_CORRELATION = 0.5
_MEDIAN_CHI2 = 0.454936423119573  # of one degree of freedom

_RANGES: Mapping[str, tuple[float, float]] = {
    "effect_allele_frequency": (0.0, 1.0),
    "minor_allele_frequency": (0.0, 1.0),
    "n": (1.0, 1e9),
    "n_cases": (1.0, 1e9),
}
_STRANDS: Mapping[Strand, str] = {
    Strand.FORWARD: "The study is on the forward strand: A/T and C/G variants are kept as given.",
    Strand.MIXED: "The study mixes strands: A/T and C/G variants are dropped.",
    Strand.UNKNOWN: "Too few variants have sequence to prove the strand: A/T and C/G variants are dropped.",
}
_FAULTS: Mapping[Disposition, tuple[str, ...]] = {
    Disposition.INVALID_POSITION: ("position", "variant"),
    Disposition.INVALID_ALLELE: ("effect_allele", "other_allele", "ref_allele", "alt_allele", "variant"),
    Disposition.INVALID_NUMBER: ("beta", "odds_ratio", "standard_error", "z_score", "p_value", "neg_log10_p"),
    Disposition.INVALID_ODDS_RATIO: ("odds_ratio",),
    Disposition.NON_POSITIVE_STANDARD_ERROR: ("standard_error",),
    Disposition.INVALID_P: ("p_value", "neg_log10_p"),
}


@dataclass(frozen=True, slots=True)
class Check:
    """One check of a study: a row of the QC table."""

    metric: str
    value: float
    status: str
    detail: str


def qc_table(source: str, kind: str, ledger: Ledger, checks: Iterable[Check]) -> pd.DataFrame:
    """One row per disposition that occurs, then one per check; schema `HARMONIZATION_QC`."""
    rows = [
        Check(word.value, float(count), "ok" if word.kept else "dropped", word.sentence)
        for word, count in ledger.counts().items()
    ]
    return HARMONIZATION_QC.frame(
        {
            "source": source,
            "kind": kind,
            "metric": row.metric,
            "value": None if np.isnan(row.value) else row.value,
            "status": row.status,
            "detail": row.detail,
        }
        for row in [*rows, *checks]
    )


def refuse_mistaken_columns(raw: RawTable, ledger: Ledger, *, where: str) -> None:
    """Stop when one fault of values holds for more than half of the data rows.

    Raises
    ------
    InputError
        Names the fault, the columns it was read from, and an example.
    """
    counts = ledger.counts()
    n_data = len(raw.frame) - counts.get(Disposition.HEADER_ROW, 0)
    for fault, names in _FAULTS.items():
        count = counts.get(fault, 0)
        if count > _GROSS_SHARE * n_data:
            row = int(ledger.has(fault).argmax())
            used = ", ".join(f"{name}={raw.columns[name]}" for name in names if name in raw.columns)
            raise InputError(
                f"{count} of {n_data} rows have the fault {fault.value!r} ({fault.sentence}), "
                f"for example row {raw.frame['row'].iloc[row]} ({raw.frame['source_variant'].iloc[row]})",
                where=where,
                remedy=f"Are columns exchanged or mistaken? These were read: {used}.",
            )


def compare_z_and_p(
    raw: RawTable, association: Association, rows: npt.NDArray[np.int64], *, where: str
) -> tuple[Check, ...]:
    """Compare |z| from effect and standard error (or the source's z) with |z| from the source's p-value.

    Raises
    ------
    InputError
        If the two contradict each other over the whole study.
    """
    numbers = {name: raw.frame[name].to_numpy(np.float64)[rows] for name in ("standard_error", "z_score")}
    reported, z = association.reported_neg_log10_p[rows], association.z_score[rows]
    own = np.isfinite(reported) & np.isfinite(z) & ~(np.isnan(numbers["standard_error"]) & np.isnan(numbers["z_score"]))
    size = size_of_z(reported)
    compared = np.flatnonzero(own & (size > 0.1))
    compared = compared[:: max(1, len(compared) // _MAX_COMPARED)]
    if len(compared) < _MIN_COMPARED:
        return (Check("z_p_ratio", float("nan"), "ok", "Too few rows have both an effect and a p-value to compare."),)
    expected = size[compared]
    ratio = float(np.median(np.abs(z[compared]) / expected))
    correlation = _rank_correlation(np.abs(z[compared]), expected)
    if not _RATIO_POSSIBLE[0] <= ratio <= _RATIO_POSSIBLE[1] or correlation < _MIN_RANK_CORRELATION:
        picked = rows[compared]
        cause = _explain(association.beta[picked], association.standard_error[picked], expected)
        raise InputError(
            f"effects and p-values contradict each other: the median of |effect / standard error| over |z of p| is "
            f"{ratio:.3g} (expected 1) with a rank correlation of {correlation:.2f}, in {len(compared)} rows",
            where=where,
            remedy=f"{cause} Check the columns of beta or odds ratio, standard error and p-value.",
        )
    status = "ok" if _RATIO_OK[0] <= ratio <= _RATIO_OK[1] else "warning"
    return (
        Check("z_p_ratio", ratio, status, "Median |effect / standard error| over |z of the p-value|; 1 is expected."),
        Check("z_p_correlation", correlation, "ok", "Rank correlation of the two sizes of z; 1 is expected."),
    )


def _rank_correlation(first: FloatArray, second: FloatArray) -> float:
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return 0.0
    return float(spearmanr(first, second).statistic)


def _explain(beta: FloatArray, standard_error: FloatArray, expected: FloatArray) -> str:
    """Which mistake of columns would make effects and p-values agree."""
    with np.errstate(divide="ignore", invalid="ignore"):
        candidates = {
            "Beta and standard error look exchanged.": standard_error / beta,
            "Beta looks like an odds ratio.": np.log(beta) / standard_error,
            "The standard error looks like a variance.": beta / np.sqrt(standard_error),
        }
    for explanation, z in candidates.items():
        if np.isfinite(z).all():
            ratio = float(np.median(np.abs(z) / expected))
            if _RATIO_OK[0] <= ratio <= _RATIO_OK[1] and _rank_correlation(np.abs(z), expected) > 0.9:
                return explanation
    return "No simple exchange of columns explains it."


def check_reading(raw: RawTable) -> list[Check]:
    """What part of the file was read, where it was not all of it."""
    if raw.regions is None:
        return []
    n_bases = sum(region.length for region in raw.regions)
    detail = "Regions of the file's build that were read by its index; rows elsewhere were not looked at and have no "
    return [Check("regions_read", len(raw.regions), "ok", f"{detail}disposition. Together {n_bases / 1e6:.3g} Mb.")]


def check_orientation(study: StudyOrientation) -> list[Check]:
    """Checks of strand and REF."""
    return [
        Check(
            "ref_mismatch_share",
            study.mismatch_share,
            "ok" if study.n_mismatched == 0 else "warning",
            f"Share of {study.n_checked} rows that test build and alleles and do not agree with the genome.",
        ),
        Check(
            "other_strand_share",
            study.other_strand_share,
            "ok" if study.strand is Strand.FORWARD else "warning",
            f"Share of {study.n_forward + study.n_other_strand} informative variants on the other strand. "
            + _STRANDS[study.strand],
        ),
    ]


def possible_values(frame: pd.DataFrame, name: str) -> FloatArray:
    """Numbers of a column that lie inside its range, float64 of shape (n_rows,); others are NaN."""
    return frame[name].where(frame[name].between(*_RANGES[name])).to_numpy(np.float64)


def check_values(raw: RawTable, ledger: Ledger) -> list[Check]:
    """Numbers that cannot be read, lie outside their range, or contradict the build's chromosome lengths."""
    checks = [
        Check("unreadable_number", float(count), "warning", f"Column {column} holds what is no number, first {text!r}.")
        for column, (count, text) in raw.unreadable.items()
    ]
    for name, (low, high) in _RANGES.items():
        count = int(((raw.frame[name] < low) | (raw.frame[name] > high)).sum())
        if count:
            detail = f"{name} outside {low:g}..{high:g}; taken as missing."
            checks.append(Check("outside_range", float(count), "warning", detail))
    beyond = ledger.counts().get(Disposition.BEYOND_CHROMOSOME, 0)
    if beyond:
        detail = "Positions beyond their chromosome's end: the build may be wrong, or the genome file is cut."
        checks.append(Check("beyond_chromosome_end", float(beyond), "warning", detail))
    return checks


def check_table(table: pd.DataFrame) -> list[Check]:
    """Checks of the canonical table: signs, verified REF, frequencies, sample size, genomic control."""
    signed = float(table["z_score"].notna().mean())
    chi2 = size_of_z(table["neg_log10_p"].to_numpy(np.float64)) ** 2
    frequency = float(table["minor_allele_frequency"].notna().mean())
    n_effective = float(table["n_effective"].median())
    return [
        Check(
            SIGNS,
            signed,
            "ok" if signed > _GROSS_SHARE else "warning",
            "Share of variants with a signed effect."
            if signed > _GROSS_SHARE
            else "Unsigned: most variants have a p-value without direction; directions cannot be told.",
        ),
        Check(
            "ref_verified", float(table["ref_verified"].mean()), "ok", "Share of variants with REF seen in the genome."
        ),
        Check("frequency_known", frequency, "ok", "Share of variants with an allele frequency."),
        Check(
            "n_effective",
            n_effective,
            "warning" if np.isnan(n_effective) else "ok",
            "Median effective sample size." if np.isfinite(n_effective) else "The sample size is not known.",
        ),
        Check(
            "lambda_gc",
            float(np.median(chi2)) / _MEDIAN_CHI2,
            "ok",
            "Median chi-square over its expectation; says nothing for files cut to associated regions.",
        ),
    ]
