"""Colocalizations that tell little because there are too many of them.

A disease signal that is shared with every gene around does not say which gene it is; a molecular signal that is shared
with two distinct disease signals contradicts at least one of them; a gene that is shared wherever it is tested may be
shared because of its data, not because of the disease.
"""

import pandas as pd

MANY_GENES = 5  # of a signal; in GTEx a signal that colocalises does so with one to three genes in most loci
MANY_LOCI = 3  # of a gene in one study; fewer tests that all share are what a good gene looks like
_OK = "ok"
_SIGNAL = ["locus", "signal"]
_STUDY_GENE = ["study", "gene_id"]
_QTL_SIGNAL = ["locus", "qtl", "tissue", "gene_id", "phenotype_id", "qtl_signal"]


def flag_sharing(colocalization: pd.DataFrame, *, threshold: float) -> pd.DataFrame:
    """Fill n_genes_sharing, n_signals_sharing and flag.

    Only primary pairs count: signal 0 is the same association as the signals it was parted into.

    Parameters
    ----------
    colocalization
        `core.schemas.COLOCALIZATION`: all rows of the loci in it, whatever their QTL set.
    threshold
        H4 from which a pair shares.

    Returns
    -------
    pandas.DataFrame
        The same rows. Numbers are missing for pairs that are not primary or have no posterior; the flag is missing
        where all is well.
    """
    judged = colocalization["primary"] & colocalization["posterior_h4"].notna()
    shares = judged & (colocalization["posterior_h4"] >= threshold)
    counted = colocalization[shares]
    n_genes = _look_up(colocalization, _SIGNAL, counted.groupby(_SIGNAL)["gene_id"].nunique())
    n_signals = _look_up(colocalization, _QTL_SIGNAL, counted.groupby(_QTL_SIGNAL)["signal"].nunique())
    flag = pd.Series("", index=colocalization.index, dtype=object)
    flag = flag.mask(
        shares & (n_signals > 1),
        "this QTL signal is shared with " + n_signals.astype(str) + " distinct signals of the study, of which at most "
        "one can be right",
    )
    flag = _append(
        flag,
        shares & (n_genes > MANY_GENES),
        "the disease signal is shared with " + n_genes.astype(str) + " genes and does not tell them apart",
    )
    return colocalization.assign(
        n_genes_sharing=n_genes.astype("Int64").where(judged),
        n_signals_sharing=n_signals.astype("Int64").where(judged),
        flag=flag.mask(flag == "", None).astype(colocalization["flag"].dtype),
    )


def flag_promiscuous_genes(colocalization: pd.DataFrame, *, threshold: float) -> pd.DataFrame:
    """Add to the flags of genes that share in every locus of a study in which they were tested.

    Each study counts for itself: its loci are apart, while several studies that find the same locus and share it with
    the same gene speak for that gene.

    Parameters
    ----------
    colocalization
        `core.schemas.COLOCALIZATION` of all batches of a run, as `flag_sharing` left it.
    threshold
        H4 from which a pair shares.
    """
    judged = colocalization["primary"] & colocalization["posterior_h4"].notna()
    best = colocalization[judged].groupby([*_STUDY_GENE, "locus"])["posterior_h4"].max().reset_index()
    of_gene = best.assign(shares=best["posterior_h4"] >= threshold).groupby(_STUDY_GENE)["shares"].agg(["sum", "size"])
    everywhere = of_gene[(of_gene["sum"] == of_gene["size"]) & (of_gene["size"] >= MANY_LOCI)]["size"]
    n_loci = _look_up(colocalization, _STUDY_GENE, everywhere)
    shares = judged & (colocalization["posterior_h4"] >= threshold) & (n_loci > 0)
    text = "the gene is shared in all " + n_loci.astype(str) + " loci of the study in which it was tested"
    flag = _append(colocalization["flag"].astype(object).fillna(""), shares, text)
    return colocalization.assign(flag=flag.mask(flag == "", None).astype(colocalization["flag"].dtype))


def _look_up(rows: pd.DataFrame, names: list[str], counts: "pd.Series[int]") -> "pd.Series[int]":
    """Count of each row's group; 0 for a group without one."""
    found = rows[names].merge(counts.rename("count").reset_index(), on=names, how="left")["count"]
    return found.fillna(0).astype(int).set_axis(rows.index)


def _append(flag: "pd.Series[str]", where: "pd.Series[bool]", text: "pd.Series[str]") -> "pd.Series[str]":
    """Add a sentence to the flags, after a semicolon where there is one already."""
    return flag.mask(where, flag.mask(flag != "", flag + "; ") + text)
