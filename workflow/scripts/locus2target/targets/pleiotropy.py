"""Other diseases of the run that a gene is a probable target of."""

from collections.abc import Mapping

import pandas as pd

_MENTIONED = 0.1  # less probable diseases are not worth words
_MODULATION = {1.0: "inhibit", -1.0: "activate"}
_COLUMNS = ("gene_id", "other_diseases", "n_other_diseases")


def other_diseases(ranked: Mapping[str, pd.DataFrame], *, disease: str, min_probability: float) -> pd.DataFrame:
    """Name, for every ranked gene of one disease, the other diseases of the run that it may be a target of.

    Parameters
    ----------
    ranked
        Ranked genes (schema RANKED_GENES) of every disease of the run, by disease.
    disease
        The one whose genes are asked about; it must be in `ranked`.
    min_probability
        Other diseases at or above it are counted.

    Returns
    -------
    One row per ranked gene of the disease, in their order. Columns: gene_id; other_diseases, for example
    "rheumatoid_arthritis (0.93, inhibit), asthma (0.20, direction unknown)": those with probability 0.1 (or
    `min_probability`, if smaller) and more, highest first, ties by name, missing without any; and n_other_diseases.
    The word after the probability says what a drug for that disease would have to do, by the gene's direction there.
    """
    found: dict[str, list[tuple[str, float, object]]] = {}
    for other in sorted(ranked.keys() - {disease}):
        frame = ranked[other]
        for gene_id, probability, direction in frame[["gene_id", "probability", "direction"]].itertuples(index=False):
            found.setdefault(gene_id, []).append((other, probability, direction))
    mentioned = min(_MENTIONED, min_probability)
    rows = [
        (gene_id, _describe(found.get(gene_id, []), mentioned), _count(found.get(gene_id, []), min_probability))
        for gene_id in ranked[disease]["gene_id"]
    ]
    return pd.DataFrame(rows, columns=list(_COLUMNS)).astype({"other_diseases": "str", "n_other_diseases": "int64"})


def _describe(others: list[tuple[str, float, object]], mentioned: float) -> str | None:
    ordered = sorted((other for other in others if other[1] >= mentioned), key=lambda other: (-other[1], other[0]))
    names = [f"{name} ({probability:.2f}, {_modulation(direction)})" for name, probability, direction in ordered]
    return ", ".join(names) or None


def _count(others: list[tuple[str, float, object]], min_probability: float) -> int:
    return sum(probability >= min_probability for _, probability, _ in others)


def _modulation(direction: object) -> str:
    return next((word for sign, word in _MODULATION.items() if direction == sign), "direction unknown")
