import pandas as pd

from locus2target.core.schemas import COLOCALIZATION
from locus2target.statgen.coloc_flags import MANY_GENES, MANY_LOCI, flag_promiscuous_genes, flag_sharing


def rows(*tests: dict[str, object]) -> pd.DataFrame:
    constant = {
        "locus": "l",
        "study": "s",
        "disease": "d",
        "signal": 1,
        "primary": True,
        "qtl": "q",
        "qtl_type": "eqtl",
        "tissue": "t",
        "gene_id": "g",
        "phenotype_id": "p",
        "qtl_signal": 1,
        "method": "susie",
        "n_shared": 100,
        "posterior_h4": 0.9,
        "status": "ok",
        "reason": "",
    }
    return COLOCALIZATION.frame(constant | test for test in tests)


def test_counts_are_of_genes_and_of_signals_not_of_tests() -> None:
    found = flag_sharing(
        rows(
            {"gene_id": "a"},
            {"gene_id": "a", "tissue": "u"},
            {"gene_id": "b"},
            {"gene_id": "c", "posterior_h4": 0.1},
            {"gene_id": "d", "posterior_h4": None, "status": "no_overlap"},
            {"gene_id": "e", "locus": "other"},
            {"gene_id": "a", "signal": 0, "primary": False},
        ),
        threshold=0.8,
    )
    assert found["n_genes_sharing"].tolist() == [2, 2, 2, 2, pd.NA, 1, pd.NA]
    assert found["n_signals_sharing"].tolist() == [1, 1, 1, 0, pd.NA, 1, pd.NA]
    assert found["flag"].isna().all()
    assert found["n_genes_sharing"].dtype == "Int64"


def test_a_qtl_signal_cannot_be_two_disease_signals() -> None:
    found = flag_sharing(
        rows(
            {"signal": 1},
            {"signal": 2},
            {"signal": 3, "posterior_h4": 0.2},
            {"signal": 1, "qtl_signal": 2},
            {"signal": 2, "tissue": "u"},
        ),
        threshold=0.8,
    )
    assert found["n_signals_sharing"].tolist() == [2, 2, 2, 1, 1]
    assert found["flag"].notna().tolist() == [True, True, False, False, False]
    assert found["flag"].iloc[0].startswith("this QTL signal is shared with 2 distinct signals")


def test_a_signal_of_too_many_genes_names_none() -> None:
    genes = [{"gene_id": f"g{number}"} for number in range(MANY_GENES + 1)]
    assert flag_sharing(rows(*genes[:-1]), threshold=0.8)["flag"].isna().all()
    found = flag_sharing(rows(*genes, {"gene_id": "silent", "posterior_h4": 0.0}), threshold=0.8)
    assert found["flag"].notna().tolist() == [True] * len(genes) + [False]
    assert f"{len(genes)} genes" in found["flag"].iloc[0]


def test_a_gene_that_is_shared_wherever_it_is_tested() -> None:
    tests = [{"gene_id": "always", "locus": f"l{number}"} for number in range(MANY_LOCI)]
    tests += [{"gene_id": "mostly", "locus": f"l{number}"} for number in range(MANY_LOCI)]
    tests += [{"gene_id": "mostly", "locus": "last", "posterior_h4": 0.3}]
    tests += [{"gene_id": "rarely_tested", "locus": f"l{number}"} for number in range(MANY_LOCI - 1)]
    tests += [{"gene_id": "always", "locus": "l0", "tissue": "silent", "posterior_h4": 0.3}]
    found = flag_promiscuous_genes(flag_sharing(rows(*tests), threshold=0.8), threshold=0.8)
    assert found["flag"].notna().tolist() == [True] * MANY_LOCI + [False] * (len(tests) - MANY_LOCI)
    assert found["flag"].iloc[0] == f"the gene is shared in all {MANY_LOCI} loci of the study in which it was tested"


def test_one_place_found_by_several_studies_is_no_reason_for_doubt() -> None:
    tests = [{"study": f"s{number}", "locus": f"s{number}__1_1_1000"} for number in range(MANY_LOCI)]
    found = flag_promiscuous_genes(flag_sharing(rows(*tests), threshold=0.8), threshold=0.8)
    assert found["flag"].isna().all()


def test_flags_add_up() -> None:
    tests = [{"signal": signal, "locus": f"l{number}"} for number in range(MANY_LOCI) for signal in (1, 2)]
    found = flag_promiscuous_genes(flag_sharing(rows(*tests), threshold=0.8), threshold=0.8)
    assert found["flag"].str.contains("distinct signals.*; the gene is shared in all").all()


def test_no_rows() -> None:
    found = flag_promiscuous_genes(flag_sharing(COLOCALIZATION.empty(), threshold=0.8), threshold=0.8)
    assert list(found) == COLOCALIZATION.names
