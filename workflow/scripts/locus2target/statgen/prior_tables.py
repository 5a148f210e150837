"""Tables of functional priors: the variants, their weights, the enrichments behind them, and what they changed."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from locus2target.core.schemas import PRIOR_EFFECTS, PRIOR_ENRICHMENT, PRIOR_WEIGHTS
from locus2target.core.tables import pieces
from locus2target.statgen.functional_priors import Enrichments, FloatArray, Groups, IntArray, Signals, evidence_gains
from locus2target.statgen.prior_features import OK, Feature, PriorVariants

FITTED, PERMUTED = "fitted", "permuted"
_KEY = ["variant", "chromosome", "position", "ref", "alt"]
VARIANT_COLUMNS = ("locus", "study", *_KEY)
"""What `prior_variants` reads of table `credible_sets`."""
LOCUS_COLUMNS = ("locus", "chromosome")
"""What `PriorLoci.of_batches` reads of it."""
_SAME_WEIGHT = 1e-9  # relative


@dataclass(frozen=True, slots=True)
class PriorLoci:
    """The analysed loci by name, and where their variants stand in arrays of all variants, locus by locus.

    Attributes
    ----------
    name, chromosome
        Object arrays of shape (n_loci,); names ascend.
    groups
        The loci's stretches of such arrays.
    """

    name: npt.NDArray[np.object_]
    chromosome: npt.NDArray[np.object_]
    groups: Groups

    @classmethod
    def of_batches(cls, batches: Iterable[pd.DataFrame]) -> "PriorLoci":
        """The loci of the batches' tables `core.schemas.CREDIBLE_SETS`, columns `LOCUS_COLUMNS`.

        Raises
        ------
        ValueError
            If a locus is in two batches: they are not those of one run.
        """
        each = [
            batch.groupby("locus").agg(chromosome=("chromosome", "first"), n_variants=("chromosome", "size"))
            for batch in batches
        ]
        loci = pd.concat(each).sort_index()
        if not loci.index.is_unique:
            raise ValueError(f"locus {loci.index[loci.index.duplicated()][0]} is in two batches")
        groups = Groups.of_lengths(loci["n_variants"].to_numpy(np.int64))
        return cls(loci.index.to_numpy(object), loci["chromosome"].to_numpy(object), groups)

    @property
    def n_variants(self) -> int:
        """Variants of all loci, each as often as there are loci with it."""
        return int(self.groups.lengths.sum())

    def rows(self, variants: pd.DataFrame) -> IntArray:
        """Where the rows of a batch's `prior_variants` stand in such arrays; int64 of shape (n_rows,)."""
        sizes = variants.groupby("locus", sort=False).size()
        batch = Groups.of_lengths(sizes.to_numpy())
        starts = self.groups.starts[pd.Index(self.name).get_indexer(sizes.index)]
        return np.arange(len(variants)) + batch.spread(starts - batch.starts)

    def names(self, part: slice) -> npt.NDArray[np.object_]:
        """Locus of each of some consecutive variants; object array."""
        locus = np.searchsorted(self.groups.starts, np.arange(part.start, part.stop), side="right") - 1
        return self.name[locus]


def prior_variants(credible_sets: pd.DataFrame) -> pd.DataFrame:
    """Variants of the analysed loci of a batch, locus by locus: columns locus, study and the key columns.

    Parameters
    ----------
    credible_sets
        `core.schemas.CREDIBLE_SETS` of a batch; it lists every variant of a locus that was analysed.
    """
    rows = credible_sets[list(VARIANT_COLUMNS)]
    return rows.sort_values("locus", kind="stable", ignore_index=True)


def weights_tables(loci: PriorLoci, variants: PriorVariants, weights: FloatArray) -> Iterator[pd.DataFrame]:
    """Table PRIOR_WEIGHTS in pieces: one row per variant and locus, locus by locus.

    Parameters
    ----------
    loci, variants
        The loci and their variants.
    weights
        float64 array of shape (n_variants,).
    """
    for part in pieces(slice(0, len(weights))):
        rows = variants.keys.decode(variants.distinct[variants.of_row[part]])
        yield rows.assign(locus=loci.names(part), prior_weight=weights[part])[PRIOR_WEIGHTS.names]


def weights_of_variants(weights: pd.DataFrame, variants: "pd.Series[str]") -> FloatArray:
    """Prior weights of variants, in their order: float64 of shape (n_variants,).

    Parameters
    ----------
    weights
        Rows of PRIOR_WEIGHTS of one locus.
    variants
        Keys of that locus' variants.

    Raises
    ------
    ValueError
        If one of them has no weight: the tables are not of the same run.
    """
    found = weights.set_index("variant")["prior_weight"].reindex(variants).to_numpy(np.float64)
    if np.isnan(found).any():
        raise ValueError(f"{np.isnan(found).sum()} of {len(found)} variants have no prior weight")
    return found


def enrichment_table(features: Sequence[Feature], fits: Mapping[str, Sequence[Enrichments]]) -> pd.DataFrame:
    """Table PRIOR_ENRICHMENT.

    Parameters
    ----------
    features
        Those fitted, in the order of the fits' theta.
    fits
        What was fitted, by kind: `fitted` and `permuted`.
    """
    rows = [
        _enrichment_row(feature, column, kind, fit)
        for kind, of_kind in fits.items()
        for fit in of_kind
        for column, feature in enumerate(features)
    ]
    return PRIOR_ENRICHMENT.frame(rows)


def _enrichment_row(feature: Feature, column: int, kind: str, fit: Enrichments) -> dict[str, object]:
    """Row of one enrichment; why there is no fit comes before why a feature says nothing in it."""
    blame = feature if fit.status == OK else fit
    error = fit.standard_error[column]
    return {
        "feature": feature.name,
        "left_out": fit.left_out,
        "kind": kind,
        "theta": fit.theta[column],
        "standard_error": error if np.isfinite(error) and feature.status == OK else None,
        "n_loci": fit.n_loci,
        "n_variants": feature.n_variants,
        "n_unknown": feature.n_unknown,
        "held_out_gain": fit.held_out_gain,
        "status": blame.status,
        "reason": blame.reason,
    }


def effects_table(
    weights: pd.DataFrame,
    signals: Signals,
    *,
    uniform: pd.DataFrame,
    functional: pd.DataFrame,
    uniform_rungs: Mapping[str, str],
    functional_rungs: Mapping[str, str],
) -> pd.DataFrame:
    """Table PRIOR_EFFECTS: every variant's PIP under equal and under functional weights, side by side.

    Parameters
    ----------
    weights
        Table PRIOR_WEIGHTS of the loci that were fitted again.
    signals
        Their primary signals under equal weights, with rows that point into `weights`.
    uniform, functional
        Table CREDIBLE_SETS under equal and under functional weights.
    uniform_rungs, functional_rungs
        What the two fits claim, by locus: `rung` of FINE_MAPPING.
    """
    both = _pips(functional, "pip_functional", ["study", "disease", "status", "reason"]).merge(
        _pips(uniform, "pip_uniform", []), on=["locus", "variant"], how="left"
    )
    rows = weights.merge(both, on=["locus", "variant"], validate="one_to_one")
    prior_weight = rows["prior_weight"] * rows.groupby("locus")["prior_weight"].transform("size")
    gains = pd.Series(evidence_gains(weights["prior_weight"].to_numpy(np.float64), signals))
    rows = rows.assign(
        prior_weight=prior_weight, log_evidence_ratio=rows["locus"].map(gains.groupby(signals.locus).sum())
    )
    for locus, remark in _locus_remarks(rows, uniform_rungs, functional_rungs).items():
        mark = (rows["locus"] == locus) & (rows["status"] == OK)
        rows.loc[mark, ["status", "reason"]] = remark
    return rows[PRIOR_EFFECTS.names]


def _pips(credible_sets: pd.DataFrame, name: str, others: list[str]) -> pd.DataFrame:
    return credible_sets[["locus", "variant", "pip", *others]].rename(columns={"pip": name})


def _locus_remarks(
    rows: pd.DataFrame, uniform: Mapping[str, str], functional: Mapping[str, str]
) -> dict[str, tuple[str, str]]:
    """Status and reason of the loci whose two PIPs are equal by construction, or are not of the same model."""
    remarks = {}
    for locus, weights in rows.groupby("locus")["prior_weight"]:
        name = str(locus)
        if uniform[name] != functional[name]:
            reason = f"Equal weights: {uniform[name]}; functional weights: {functional[name]}. The PIPs differ in both."
            remarks[name] = ("other_rung", reason)
        elif weights.max() - weights.min() < _SAME_WEIGHT:
            remarks[name] = ("equal_weights", "The prior weights are all equal; the table of enrichments says why.")
    return remarks
