"""What not to conclude from each locus, and what its colocalization table leaves out, in sentences."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pandas as pd

from locus2target.core.tables import Record, records
from locus2target.report.formats import format_count, format_list, is_missing, plural
from locus2target.report.named_variants import loci_with_effects
from locus2target.report.run_tables import RunTables, fine_mapping_of

MAX_PAIRS = 50
"""Rows of colocalization that the page of a locus shows."""

_LARGE_SET = 50  # variants; a set this large names a region rather than variants
_COUNTED = ("in_ld", "neg_log10_p", "z_score", "pip", "r_lead")
_FEW_SHARED = 100  # variants; below it H3 and H4 are hard to tell apart
_SHARED_H4 = 0.5
_METHODS = {
    "abf": "Fine-mapped without LD, as one signal: further independent signals of the locus are not told apart.",
    "lead": "Only the lead variant is known here: which variant is causal was not estimated.",
    "imported": "Fine-mapped elsewhere: how well the LD behind these PIPs fits was not seen here.",
}
_LD = {
    "WARN": "The LD fits the statistics only in part: PIPs near 1 may be artefacts of the mismatch.",
    "FAIL": "The cohort's LD does not fit the statistics, so nothing here rests on it.",
}
_NOT_ANALYSED = "Nothing was analysed here, which says nothing for or against any gene."
_NEARBY = (
    "Candidates are genes near the lead variant. A target outside that distance can only appear as “none of these "
    "genes”."
)
_PREDICTED = "Sequence scores are a model's predictions, not measurements."
_MOTIFS = "A motif named above a map is the best of about a thousand: a small shift p alone does not make it real."


@dataclass(frozen=True, slots=True)
class _Counts:
    """Variants of a locus, and how many of them lack something."""

    n: int
    outside_ld: int
    without_p: int
    without_sign: int
    without_pip: int
    without_r: int


@dataclass(frozen=True, slots=True)
class _Sharing:
    """Tests of a locus that ranking rests on and that speak for a shared variant."""

    n_genes: int
    fewest_variants: int
    n_prior_sensitive: int


@dataclass(frozen=True, slots=True)
class _Run:
    """What the cautions of all loci rest on, by locus."""

    counts: Mapping[str, _Counts]
    sharing: Mapping[str, _Sharing]
    largest_sets: Mapping[str, int]
    predicted: frozenset[str]
    with_motifs: frozenset[str]


def locus_cautions(tables: RunTables) -> dict[str, tuple[str, ...]]:
    """What not to conclude from each locus of a run, from what its tables say.

    Parameters
    ----------
    tables
        The run.

    Returns
    -------
    dict
        Sentences by locus, for every row of the loci table, also for loci that were not analysed.
    """
    run = _Run(
        counts=_counts(tables.credible_sets.read(["locus", *_COUNTED])),
        sharing=_sharing(tables.colocalization),
        largest_sets=_largest_sets(tables.signals),
        predicted=_predicted(tables),
        with_motifs=frozenset(tables.motif_hits["locus"].unique()),
    )
    mapped = {str(row["locus"]): row for row in records(tables.fine_mapping)}
    unmapped = fine_mapping_of(tables.fine_mapping.iloc[:0], "")
    return {name: tuple(_cautions(name, mapped.get(name, unmapped), run)) for name in tables.loci["locus"]}


def _cautions(name: str, mapping: Record, run: _Run) -> list[str]:
    counts = run.counts.get(name)
    if counts is None and mapping["method"] == "none":
        return [_NOT_ANALYSED]
    sentences = _mapping_cautions(mapping)
    if counts is not None:
        sentences += _variant_cautions(counts, str(mapping["method"]))
    if run.largest_sets.get(name, 0) >= _LARGE_SET:
        sentences.append(
            f"A credible set of {format_count(run.largest_sets[name])} variants names a region, not a variant: do not "
            "pick one of them by PIP alone."
        )
    if name in run.sharing:
        sentences += _sharing_cautions(run.sharing[name])
    sentences.append(_NEARBY)
    sentences += [_PREDICTED] * (name in run.predicted) + [_MOTIFS] * (name in run.with_motifs)
    return sentences


def _counts(batches: Iterable[pd.DataFrame]) -> dict[str, _Counts]:
    """By locus; all variants of a locus are in one batch."""
    return {name: counts for batch in batches for name, counts in _counts_of(batch).items()}


def _counts_of(variants: pd.DataFrame) -> dict[str, _Counts]:
    lacking = pd.DataFrame(
        {
            "n": True,
            "outside_ld": ~variants["in_ld"],
            "without_p": variants["neg_log10_p"].isna(),
            "without_sign": variants["z_score"].isna(),
            "without_pip": variants["pip"].isna(),
            "without_r": variants["r_lead"].isna(),
        },
        index=variants.index,
    )
    summed = lacking.groupby(variants["locus"], sort=False).sum()
    return {str(name): _Counts(*map(int, row)) for name, row in zip(summed.index, summed.to_numpy(), strict=True)}


def _sharing(pairs: pd.DataFrame) -> dict[str, _Sharing]:
    shared = pairs[pairs["primary"] & (pairs["posterior_h4"] > _SHARED_H4)]
    return {
        str(name): _Sharing(
            n_genes=rows["gene_id"].nunique(),
            fewest_variants=int(rows["n_shared"].min()),
            n_prior_sensitive=int(rows["prior_sensitive"].fillna(value=False).sum()),
        )
        for name, rows in shared.groupby("locus", sort=False)
    }


def _largest_sets(signals: pd.DataFrame) -> dict[str, int]:
    """Size of the largest credible set that ranking rests on, by locus."""
    largest = signals[signals["primary"]].groupby("locus")["n_credible"].max()
    return {str(name): int(size) for name, size in largest.items()}


def _predicted(tables: RunTables) -> frozenset[str]:
    """Loci with a predicted effect of a variant that the page names, or with a mutagenesis map."""
    mutagenesis = tables.mutagenesis
    return loci_with_effects(tables) | frozenset(mutagenesis.loc[mutagenesis["value"].notna(), "locus"].unique())


def _mapping_cautions(mapping: Record) -> list[str]:
    sentences = [words[str(mapping[name])] for name, words in (("method", _METHODS), ("ld_verdict", _LD))
                 if str(mapping[name]) in words]  # fmt: skip
    if not is_missing(mapping.get("flip_candidates")):
        names = format_list(str(mapping["flip_candidates"]))
        sentences.append(f"Alleles may be exchanged, nothing was flipped: check {names} in the study's file.")
    return sentences


def _variant_cautions(counts: _Counts, method: str) -> list[str]:
    sentences = []
    of_all = f"of {plural(counts.n, 'variant')}"
    if method == "susie" and counts.outside_ld:
        sentences.append(
            f"{format_count(counts.outside_ld)} {of_all} are not in the cohort and can have no PIP; the causal variant "
            "may be among them."
        )
    elif 0 < counts.without_pip < counts.n:
        sentences.append(
            f"{format_count(counts.without_pip)} {of_all} have no PIP; the causal variant may be among them."
        )
    if counts.without_r == counts.n > 1:
        sentences.append("LD with the lead variant is not known: variants are grey, which does not mean independent.")
    elif 0 < counts.without_r < counts.n:
        sentences.append(
            f"{format_count(counts.without_r)} {of_all} have no LD with the lead variant and are grey, which does not "
            "mean independent."
        )
    if counts.without_p == counts.n:
        sentences.append("The credible sets came without p-values: the association panel is empty.")
    if counts.without_sign == counts.n:
        sentences.append("The study gives no effect signs here: no direction can be concluded.")
    return sentences


def _sharing_cautions(sharing: _Sharing) -> list[str]:
    sentences = []
    if sharing.n_genes > 1:
        sentences.append(
            f"{sharing.n_genes} genes colocalize (H4 above {_SHARED_H4}): a shared causal variant does not say which "
            "of them causes the disease."
        )
    sentences.append(
        "A high H4 says that both traits have the same causal variant or two in strong LD (r² above 0.5), which cannot "
        "be told apart."
    )
    if sharing.fewest_variants < _FEW_SHARED:
        sentences.append(
            f"Some H4 rest on fewer than {_FEW_SHARED} shared variants, which cannot well tell one causal variant from "
            "two."
        )
    if sharing.n_prior_sensitive:
        sentences.append(
            f"For {plural(sharing.n_prior_sensitive, 'test')} H4 passes the threshold only for some plausible values "
            "of the prior p12: see the p12 range."
        )
    return sentences


def colocalization_note(pairs: pd.DataFrame) -> str:
    """How many pairs of one locus were tested, how many are shown, and how the others ended.

    Parameters
    ----------
    pairs
        Rows of COLOCALIZATION of the locus.
    """
    if pairs.empty:
        return "No molecular trait was tested at this locus."
    tested = pairs["posterior_h4"].notna()
    n_tested = int(tested.sum())
    note = f"{plural(len(pairs), 'pair')} of signal and molecular trait, {format_count(n_tested)} with a posterior"
    if n_tested > MAX_PAIRS:
        note += f"; the {MAX_PAIRS} with the highest H4 are shown, signals used for ranking first"
    statuses = pairs.loc[~tested, "status"].value_counts()
    if len(statuses):
        note += ". Without: " + ", ".join(f"{status} ({format_count(count)})" for status, count in statuses.items())
    return f"{note}."
