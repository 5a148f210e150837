"""One toy locus of 20 variants, and disease signals and molecular traits in it."""

import pandas as pd

from locus2target.core.schemas import QTL, QTL_SIGNAL_LBF, QTL_SIGNALS, SIGNAL_LBF, SIGNALS
from locus2target.statgen.coloc_pairs import Priors
from locus2target.statgen.coloc_traits import arrange_signals
from locus2target.statgen.colocalization import ColocalizationRules, ColocalizedLocus, colocalize_locus

RULES = ColocalizationRules(Priors(1e-4, 1e-4, 1e-5), posterior_threshold=0.8, min_shared_variants=5)
SHEET = {"qtl_type": "eqtl", "tissue": None, "n_samples": 500, "sd_y": 1.0, "coverage": "full", "cohort": None}
LOCUS = {"locus": "s__1_1_1000", "study": "s", "disease": "d", "chromosome": "1", "start": 0, "end": 1000}
N = 20


def variant(number: int, *, exchanged: bool = False) -> dict[str, object]:
    ref, alt = ("C", "A") if exchanged else ("A", "C")
    position = 10 * (number + 1)
    return {
        "variant": f"1:{position}:{ref}:{alt}",
        "chromosome": "1",
        "position": position,
        "ref": ref,
        "alt": alt,
    }


def signal_rows(
    factors: dict[int, dict[int, float]], sign: float | None = 1.0, **facts: object
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """SIGNALS and SIGNAL_LBF: signal -> variant -> log Bayes factor. Signals 1.. are SuSiE's and primary."""
    ids = {name: LOCUS[name] for name in ("locus", "study", "disease")}
    constant = {"lead_variant": "v", "log_bayes_factor": 1.0, "n_credible": 1, "coverage": 0.95}
    signals = SIGNALS.frame(
        {
            **ids,
            **constant,
            "signal": signal,
            "method": "susie" if signal else "abf",
            "primary": bool(signal) or len(factors) == 1,
            "status": "ok",
            "reason": "",
            **facts,
        }
        for signal in factors
    )
    lbf = SIGNAL_LBF.frame(
        {
            "locus": LOCUS["locus"],
            "signal": signal,
            **variant(number),
            "log_bayes_factor": value,
            "effect_sign": sign,
        }
        for signal, values in factors.items()
        for number, value in values.items()
    )
    return signals, lbf


def qtl_signal_rows(
    factors: dict[int, dict[int, float]], *, gene: str = "g", tissue: str = "t", sign: float = 1.0
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """QTL_SIGNALS and QTL_SIGNAL_LBF of one trait; no variants for signal 0."""
    names = {
        "locus": LOCUS["locus"],
        "qtl": "q",
        "tissue": tissue,
        "gene_id": gene,
        "phenotype_id": f"p{gene}",
    }
    constant = {"ld_verdict": "PASS", "lead_variant": "v", "log_bayes_factor": 1.0, "n_credible": 1, "coverage": 0.95}
    signals = QTL_SIGNALS.frame(
        {
            **names,
            **constant,
            "signal": signal,
            "method": "susie" if signal else "abf",
            "status": "ok" if signal else "ld_sparse",
            "reason": "",
        }
        for signal in factors
    )
    lbf = QTL_SIGNAL_LBF.frame(
        {**names, "signal": signal, **variant(number), "log_bayes_factor": value, "effect_sign": sign}
        for signal, values in factors.items()
        for number, value in values.items()
    )
    return signals, lbf


def peak(at: int, numbers: range = range(N), height: float = 30.0) -> dict[int, float]:
    return {number: height if number == at else -1.0 for number in numbers}


def qtl_rows(
    at: int, *, gene: str = "g", tissue: str = "t", z: float = 8.0, numbers: range = range(N), exchanged: bool = False
) -> list[dict[str, object]]:
    return [
        {
            **variant(number, exchanged=exchanged),
            "beta": 0.05 * (z if number == at else 0.1),
            "standard_error": 0.05,
            "z_score": z if number == at else 0.1,
            "neg_log10_p": abs(z) if number == at else 0.1,
            "alt_frequency": 0.3,
            "minor_allele_frequency": 0.3,
            "n_effective": 500.0,
            "ref_verified": True,
            "gene_id": gene,
            "phenotype_id": f"p{gene}",
            "tissue": tissue,
        }
        for number in numbers
    ]


def colocalize_all(
    factors: dict[int, dict[int, float]],
    rows: list[dict[str, object]],
    *,
    sign: float | None = 1.0,
    qtl_signals: tuple[pd.DataFrame, pd.DataFrame] | None = None,
    prior_weights: pd.DataFrame | None = None,
    method: str | None = None,
    rules: ColocalizationRules = RULES,
    **sheet: object,
) -> ColocalizedLocus:
    found = (QTL_SIGNALS.empty(), QTL_SIGNAL_LBF.empty()) if qtl_signals is None else qtl_signals
    facts = {} if method is None else {"method": method}
    return colocalize_locus(
        LOCUS,
        arrange_signals(*signal_rows(factors, sign, **facts), prior_weights=prior_weights, status="no_ld"),
        QTL.frame(rows),
        qtl="q",
        qtl_sheet=SHEET | sheet,
        qtl_signals=found[0],
        qtl_signal_lbf=found[1],
        rules=rules,
    )


def colocalize(factors: dict[int, dict[int, float]], rows: list[dict[str, object]], **others: object) -> pd.DataFrame:
    return colocalize_all(factors, rows, **others).colocalization
