"""Evidence from sequence models: variants with a large predicted effect on a gene's own output.

A model with thousands of tracks has a large effect on some track for every variant. What is judged is therefore the
largest effect of a variant over all tracks and genes, whose background quantile compares it with the largest effects of
background variants: that corrects exactly for tracks and genes, however correlated they are, and also where only the
largest effects were kept. It names one gene, that with the largest effect.

Scores and models are corrected for by Bonferroni: with m scores of a variant, over all models, an effect is large if
m (1 - quantile) is at most 0.01. Models of one family tell the same story, so the best counts, never the sum. The
formulas are ours.

The predicted size is evidence; the predicted direction is right little more often than chance (MAGENTA 2026: |rank
correlation| with eQTL effects of 0.14 at most), so it is shown and counts only where nothing was measured.
"""

import pandas as pd

from locus2target.targets.evidence_annotation import VariantAnnotations
from locus2target.targets.evidence_direction import agreed_sign, disease_signs, signs_of
from locus2target.targets.evidence_rows import LocusData, Row, by_pip, pip_mass
from locus2target.targets.weights import Weights, mixed_log_odds

GENE_EFFECT_COLUMNS = (
    *("variant", "gene_id", "model", "track", "scorer", "mask"),
    *("value", "background_quantile", "status", "reason"),
)
SIGNED_SCORES = frozenset(
    {"SAD", "SUM", "logSAD", "logSUM", "SED", "logSED", "SAX", "center_mask", "gene_mask_lfc", "predixcan_weight"}
)
"""Scores whose positive values mean that ALT raises the output."""

LEVEL_SCORES = frozenset({"active_allele", "gene_mask_active"})
"""Levels of an output, not changes: a variant that does nothing in an active region scores high."""

_SOURCE = "gene_effect"
_LARGEST_PREFIX = "largest_"
_LARGE_TAIL = 0.01
_SMALLEST_TAIL = 0.001  # step of the background's grid: quantile 1 says beyond all of it, not beyond any
_MOST_SCORES = round(_LARGE_TAIL / _SMALLEST_TAIL)  # with more, no effect could be large
_ROUNDING = 1e-9
_SMALLEST_MASS = 0.01  # less PIP is not worth a row: at most 0.007 log odds
_NAMED_GENES = 5


def select_gene_effects(variant_effects: pd.DataFrame) -> pd.DataFrame:
    """Pick what `gene_effect_evidence` reads.

    Parameters
    ----------
    variant_effects
        Rows of `core.schemas.VARIANT_EFFECTS`, of all models.

    Returns
    -------
    pandas.DataFrame
        Columns `GENE_EFFECT_COLUMNS`: the largest effect of each variant under each score that is about genes, and the
        variants that could not be scored. Scored variants without a gene in reach are left out, and so are levels.
    """
    largest = variant_effects[variant_effects["largest"]]
    changes = largest[~_score_names(largest).isin(LEVEL_SCORES)]
    score = [changes[name] for name in ("model", "scorer", "mask")]
    about_genes = changes["gene_id"].notna().groupby(score).transform("any").astype(bool)
    told = changes["gene_id"].notna() | (changes["status"] != "ok")
    return changes.loc[about_genes & told, list(GENE_EFFECT_COLUMNS)].reset_index(drop=True)


def gene_effect_evidence(data: LocusData, annotations: VariantAnnotations, weights: Weights) -> list[Row]:
    """Give one row per candidate gene that variants change the predicted output of.

    Parameters
    ----------
    data
        The locus.
    annotations
        `gene_effects` as `select_gene_effects` gives them, with the locus' `pip`.
    weights
        `gene_effect large` is that of variants that carry all of the PIP.

    Returns
    -------
    list of Row
        One row for the locus with the PIP mass that was compared, one per candidate gene with at least 0.01 of PIP mass
        on large effects, and one without weight per reason why variants could not be judged. Empty when no model
        scores genes.
    """
    effects = annotations.gene_effects
    if effects.empty:
        return []
    scored = effects[effects["status"] == "ok"]
    judged = _with_corrected_tails(scored)
    comparable = judged[judged["n_scores"] <= _MOST_SCORES]
    large = comparable[comparable["tail"] <= _LARGE_TAIL + _ROUNDING].assign(
        direction=lambda rows: _directions(data, rows)
    )
    rows = _failed_scores(data, effects[effects["status"] != "ok"])
    rows += _without_background(data, scored[~scored["variant"].isin(judged["variant"])])
    rows += _too_many_scores(data, judged[judged["n_scores"] > _MOST_SCORES])
    if len(comparable):
        rows.append(_locus_row(data, comparable, large))
    for gene_id, of_gene in large.groupby("gene_id", sort=True):
        if gene_id in data.symbols and pip_mass(of_gene) >= _SMALLEST_MASS:
            rows.append(_gene_row(data, str(gene_id), of_gene, weights))
    return rows


def _score_names(effects: pd.DataFrame) -> "pd.Series[str]":
    """Name of each row's score, without the prefix of the largest."""
    return effects["scorer"].astype("str").str.removeprefix(_LARGEST_PREFIX)


def _with_corrected_tails(scored: pd.DataFrame) -> pd.DataFrame:
    """Rows with a background, with the number of scores of their variant (n_scores) and the corrected `tail`.

    Effects of highest rank come first: smallest tail, then highest PIP, then by name.
    """
    known = scored[scored["background_quantile"].notna()]
    n_scores = known.groupby("variant")["background_quantile"].transform("size")
    tail = (1 - known["background_quantile"]).clip(lower=_SMALLEST_TAIL) * n_scores
    order = ["tail", "pip", "variant", "model", "scorer", "mask"]
    return known.assign(n_scores=n_scores, tail=tail).sort_values(order, ascending=[True, False, *[True] * 4])


def _directions(data: LocusData, effects: pd.DataFrame) -> "pd.Series[float]":
    """Sign of the gene in the disease by each effect: that of ALT on the gene times that of ALT on the disease."""
    on_gene = signs_of(effects["value"]).where(_score_names(effects).isin(SIGNED_SCORES))
    return on_gene * disease_signs(data.scored).reindex(effects["variant"]).to_numpy()


def _gene_row(data: LocusData, gene_id: str, large: pd.DataFrame, weights: Weights) -> Row:
    """Row of one candidate; `large` holds its large effects, best first."""
    mass = pip_mass(large)
    best = large.iloc[0]
    direction = agreed_sign(large["direction"])
    track = best["track"] if isinstance(best["track"], str) else None
    place = f" in {track}" if track else ""
    return data.row(
        _SOURCE,
        gene_id,
        detail=(
            f"PIP {mass:.2g} has its largest predicted effect on the gene, beyond the 0.99 quantile of background "
            f"variants after correction for {best['n_scores']} scores; strongest{place} ({best['model']}, "
            f"{best['scorer']}); {_direction_note(large['direction'], direction)}"
        ),
        log_odds=mixed_log_odds(weights.log_odds(_SOURCE, "large"), 0.0, mass),
        value=mass,
        unit="PIP mass",
        direction=direction,
        variants=by_pip(large),
        context=track,
    )


def _direction_note(signs: "pd.Series[float]", direction: float | None) -> str:
    if direction is not None:
        more = "more" if direction > 0 else "less"
        return f"prediction: {more} of the gene, more disease; sequence models predict the direction unreliably"
    if signs.notna().any():
        return "predicted directions differ; sequence models predict them unreliably"
    return "direction unknown: the score has no sign, or the effect of ALT on the disease is not known"


def _locus_row(data: LocusData, comparable: pd.DataFrame, large: pd.DataFrame) -> Row:
    """What was read at the locus, and which genes that do not compete it speaks for."""
    mass = pip_mass(comparable)
    models = ", ".join(sorted(set(comparable["model"])))
    others = sorted(set(large["gene_id"]) - set(data.symbols))
    excluded = dict(zip(data.candidates.excluded["gene_id"], data.candidates.excluded["gene_symbol"], strict=True))
    names = [excluded.get(gene, str(gene)) for gene in others]
    more = f" and {len(names) - _NAMED_GENES} more" if len(names) > _NAMED_GENES else ""
    aside = f"; on genes that do not compete: {', '.join(names[:_NAMED_GENES])}{more}" if names else ""
    return data.row(
        _SOURCE,
        detail=(
            f"effects on genes of PIP {mass:.2g} were compared with the background ({models}); those of PIP "
            f"{pip_mass(large):.2g} are large{aside}"
        ),
        value=mass,
        unit="PIP mass compared",
        variants=by_pip(comparable),
    )


def _not_judged(data: LocusData, variants: pd.DataFrame, *, status: str, reason: str) -> Row:
    """Row without weight, for the locus as a whole, of variants whose effects say nothing."""
    mass = pip_mass(variants)
    n = variants["variant"].nunique()
    return data.row(
        _SOURCE,
        detail=f"effects on genes of {n} variants (PIP {mass:.2g}) count nothing: {reason}",
        value=mass,
        unit="PIP mass not judged",
        variants=by_pip(variants),
        status=status,
        reason=reason,
    )


def _failed_scores(data: LocusData, failed: pd.DataFrame) -> list[Row]:
    """One row per status of variants that a model could not score."""
    return [
        _not_judged(data, group, status=str(status), reason=str(group["reason"].min()))
        for status, group in failed.groupby("status", sort=True)
    ]


def _without_background(data: LocusData, scored: pd.DataFrame) -> list[Row]:
    reason = "no score has a background to compare with: the model has none, or the change is of several bases"
    return [_not_judged(data, scored, status="not_calibrated", reason=reason)] if len(scored) else []


def _too_many_scores(data: LocusData, judged: pd.DataFrame) -> list[Row]:
    if judged.empty:
        return []
    reason = (
        f"{judged['n_scores'].max()} scores of one variant were read, and the background tells tails of "
        f"{_SMALLEST_TAIL:g} apart: after correction for more than {_MOST_SCORES} no effect could be large; score "
        "genes with fewer models or scores"
    )
    return [_not_judged(data, judged, status="too_many_scores", reason=reason)]
