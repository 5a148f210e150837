"""A small network per disease: regulator -> target gene -> pathway, to read and to draw; it is no evidence.

A regulator points at a gene when a variant of the gene's regulatory evidence changes a motif of the regulator; a gene
points at the pathways it belongs to. Genes are shown by their probability, as the ranking gives it; regulators and
pathways by their own tests, significant or not, so that the q-values have to be read beside the edges.
"""

from collections.abc import Mapping

import pandas as pd

from locus2target.core.schemas import NETWORK_EDGES
from locus2target.core.tables import Record, records
from locus2target.targets.evidence_rows import by_pip, pip_mass
from locus2target.targets.gene_sets import Membership
from locus2target.targets.regulators import changed_motifs

REGULATOR, GENE, GENE_SET = "regulator", "gene", "gene_set"
# Evidence that does not say that a variant acts on the gene from outside its protein.
_NOT_REGULATORY = frozenset({"distance", "gene_constraint", "convergence", "coding_consequence"})


def regulatory_network(
    regulators: pd.DataFrame,
    enrichment: pd.DataFrame,
    ranked_genes: pd.DataFrame,
    evidence: pd.DataFrame,
    credible_sets: pd.DataFrame,
    variant_effects: pd.DataFrame,
    membership: Membership,
    genes: pd.DataFrame,
    *,
    disease: str,
    max_genes: int = 15,
    max_regulators: int = 10,
    max_sets: int = 10,
    min_probability: float = 0.1,
    min_mass: float = 0.05,
) -> pd.DataFrame:
    """Edges of one disease (schema NETWORK_EDGES); none where no gene is probable enough.

    Parameters
    ----------
    regulators, enrichment
        Of the disease (schemas REGULATORS and GENE_SET_ENRICHMENT).
    ranked_genes, evidence
        Of the disease (schemas RANKED_GENES and EVIDENCE).
    credible_sets, variant_effects
        Schemas CREDIBLE_SETS, of the disease, and VARIANT_EFFECTS.
    membership, genes
        Gene sets, and the genes of their rows (schema GENES).
    max_genes, max_regulators, max_sets
        Most nodes of each kind: the most probable genes, and the regulators and tested sets with the smallest p-values
        among those with a gene that is shown. Regulators without a test come last, those with the most PIP first. Of
        sets with the same shown genes only the first is shown.
    min_probability, min_mass
        Less probable genes, and edges from regulators with less PIP, are not shown.
    """
    shown = ranked_genes[ranked_genes["probability"] >= min_probability].head(max_genes)
    by_variant = _regulator_pairs(shown, regulators, evidence, credible_sets, variant_effects)
    from_regulators = _regulator_edges(by_variant, regulators, limit=max_regulators, min_mass=min_mass)
    to_sets = _set_edges(shown, enrichment, membership, genes, limit=max_sets)
    return NETWORK_EDGES.frame({"disease": disease, **edge} for edge in (*from_regulators, *to_sets))


def q_values_by_name(regulators: pd.DataFrame, enrichment: pd.DataFrame) -> dict[str, float]:
    """Q-value of each regulator and gene set that was tested, by the name that it has in the network."""
    names = pd.concat([regulators["regulator"], enrichment["gene_set_name"]])
    values = pd.concat([regulators["q_value"], enrichment["q_value"]])
    return {str(name): float(q) for name, q in zip(names, values, strict=True) if pd.notna(q)}


def _regulator_pairs(
    shown: pd.DataFrame,
    regulators: pd.DataFrame,
    evidence: pd.DataFrame,
    credible_sets: pd.DataFrame,
    variant_effects: pd.DataFrame,
) -> pd.DataFrame:
    """Columns family, gene_id, variant and pip: regulatory evidence for a shown gene that changes a motif."""
    speaking = evidence[
        evidence["gene_id"].isin(shown["gene_id"])
        & (evidence["log_odds"] > 0)
        & evidence["variants"].notna()
        & ~evidence["source"].isin(_NOT_REGULATORY)
    ]
    named = speaking.assign(variant=speaking["variants"].str.split(",")).explode("variant")
    pairs = named[["gene_id", "locus", "variant"]].drop_duplicates()
    pips = credible_sets.loc[credible_sets["pip"].notna(), ["locus", "variant", "pip"]]
    pairs = pairs.merge(pips.drop_duplicates(["locus", "variant"]), on=["locus", "variant"])
    largest = pairs.sort_values("pip", ascending=False).drop_duplicates(["gene_id", "variant"])
    of_families = changed_motifs(variant_effects)[["variant", "family"]]
    found = largest[["gene_id", "variant", "pip"]].merge(of_families, on="variant")
    found = found[found["family"].isin(regulators["family"])]
    symbols = shown.set_index("gene_id")["gene_symbol"]
    return found.assign(gene_symbol=found["gene_id"].map(symbols))


def _regulator_edges(pairs: pd.DataFrame, regulators: pd.DataFrame, *, limit: int, min_mass: float) -> list[Record]:
    """Edges from the first regulators by p-value, then PIP mass, then name; genes by symbol."""
    tests = regulators[regulators["family"].notna()].set_index("family")
    edges = pairs.groupby(["family", "gene_symbol", "gene_id"])["pip"].sum().round(12).rename("mass").reset_index()
    edges = edges[edges["mass"] >= min_mass]
    families = edges.groupby("family")["mass"].sum().reset_index()
    families["p_value"] = families["family"].map(tests["p_value"])
    ordered = families.sort_values(["p_value", "mass", "family"], ascending=[True, False, True], na_position="last")
    variants = dict(iter(pairs.groupby(["family", "gene_id"])))
    return [
        _regulator_edge(tests.loc[family].to_dict(), variants[family, gene_id])
        for family in ordered["family"].head(limit)
        for gene_id in edges.loc[edges["family"] == family, "gene_id"]  # by symbol, as grouped
    ]


def _regulator_edge(test: Mapping[str, object], variants: pd.DataFrame) -> Record:
    gene, mass = variants["gene_symbol"].iloc[0], pip_mass(variants)
    named = by_pip(variants, limit=len(variants))
    count, verb = (f"{len(named)} variants", "change") if len(named) > 1 else ("a variant", "changes")
    return {
        "from_kind": REGULATOR,
        "from_name": test["regulator"],
        "to_kind": GENE,
        "to_name": gene,
        "weight": mass,
        "variants": ",".join(named),
        "detail": f"{count} (PIP {mass:.2g}) of the evidence for {gene} {verb} a motif of {test['regulator']}; "
        + _tested(test),
    }


def _set_edges(
    shown: pd.DataFrame, enrichment: pd.DataFrame, membership: Membership, genes: pd.DataFrame, *, limit: int
) -> list[Record]:
    """Edges to the first tested sets by their order in `enrichment`; genes by probability."""
    rows_of_shown = pd.Index(genes["gene_id"]).get_indexer(pd.Index(shown["gene_id"]))
    members = membership.matrix[rows_of_shown].tocsc()
    identities = membership.sets[["source", "identifier"]].itertuples(index=False, name=None)
    columns = {identity: column for column, identity in enumerate(identities)}
    chosen: dict[tuple[int, ...], Record] = {}
    for test in records(enrichment[enrichment["status"] == "ok"]):
        column = columns[test["source"], test["gene_set"]]
        of_set = tuple(sorted(members.indices[members.indptr[column] : members.indptr[column + 1]].tolist()))
        if of_set and len(chosen) < limit:
            chosen.setdefault(of_set, test)
    return [_set_edge(test, gene) for of_set, test in chosen.items() for gene in records(shown.iloc[list(of_set)])]


def _set_edge(test: Mapping[str, object], gene: Record) -> Record:
    symbol, probability = gene["gene_symbol"], gene["probability"]
    return {
        "from_kind": GENE,
        "from_name": symbol,
        "to_kind": GENE_SET,
        "to_name": test["gene_set_name"],
        "weight": probability,
        "variants": None,
        "detail": f"{symbol} (probability {probability:.2g}) belongs to {test['gene_set_name']} "
        f"({test['source']} {test['gene_set']}); {_tested(test)}",
    }


def _tested(test: Mapping[str, object]) -> str:
    """What the enrichment of a regulator or set came to."""
    if test["status"] != "ok":
        return f"its enrichment was not tested: {test['reason']}"
    return f"its enrichment has p {test['p_value']:.2g} and q {test['q_value']:.2g}"
