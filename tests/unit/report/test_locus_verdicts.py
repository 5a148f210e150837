import pandas as pd
import pytest
from report_run import ToyRun

from locus2target.report.locus_classes import LD_MEANINGS, MEANINGS, locus_verdict
from locus2target.report.run_tables import load_run_tables
from locus2target.targets.locus_classes import CLEAR, CONTESTED, NO_LOCAL_EVIDENCE, NOT_RANKED


@pytest.fixture(scope="module")
def classes(toy_run: ToyRun) -> pd.DataFrame:
    return load_run_tables(**toy_run.inputs).locus_classes


def test_clear_locus_in_words(classes: pd.DataFrame) -> None:
    verdict = locus_verdict(classes, "alpha_strong")
    assert verdict.locus_class == "clear"
    assert verdict.sentences == (
        "Clear: one gene reaches the configured probability, and more than distance speaks for it.",
        "GENE0 leads with probability 0.91, 0.85 more than the next of 11 candidates.",
        "More than distance speaks for 2 candidates.",
        "That the target is none of the candidates has probability 0.03.",
    )


def test_tied_candidates_share_the_lead_and_none_is_named(classes: pd.DataFrame) -> None:
    verdict = locus_verdict(classes, "alpha_sparse")
    assert verdict.locus_class == "no_local_evidence"
    assert verdict.sentences[1] == (
        "GENE10, GENE11, GENE12, GENE13 and 1 other lead together with probability 0.20 each, as all candidates do."
    )
    assert verdict.sentences[2] == "More than distance speaks for none of them."
    assert verdict.sentences[-1].startswith("The ranking abstains")


def test_two_leaders_among_others(classes: pd.DataFrame) -> None:
    tied = classes[classes["locus"] == "alpha_sparse"].assign(top_gene="A,B")
    assert locus_verdict(tied, "alpha_sparse").sentences[1] == (
        "A and B lead together with probability 0.20 each, among 5 candidates."
    )


def test_every_class_and_ld_verdict_has_a_meaning() -> None:
    assert set(MEANINGS) == {CLEAR, CONTESTED, NO_LOCAL_EVIDENCE, NOT_RANKED}
    assert set(LD_MEANINGS) == {"PASS", "WARN", "FAIL", "NONE"}


def test_only_candidate_has_no_margin(classes: pd.DataFrame) -> None:
    sentences = locus_verdict(classes, "beta_unsigned").sentences
    assert sentences[1].endswith("leads with probability 0.21, as the only candidate.")


@pytest.mark.parametrize(
    ("locus", "sentences"),
    [
        ("alpha_mhc", ["The locus lies in the MHC, where LD is too long."]),
        ("alpha_small", ["12 variants, at least 50 needed."]),
        ("nowhere", []),
    ],
)
def test_locus_without_candidates_says_why_and_does_not_abstain(
    classes: pd.DataFrame, locus: str, sentences: list[str]
) -> None:
    verdict = locus_verdict(classes, locus)
    assert verdict.locus_class == "not_ranked"
    assert list(verdict.sentences) == ["Not ranked: no gene of this locus has a probability.", *sentences]
