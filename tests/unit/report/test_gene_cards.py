import pandas as pd
import pytest
from report_run import LEAD, ToyRun, gene_id

from locus2target.core.tables import records
from locus2target.report.gene_cards import (
    describe_direction,
    gene_card,
    opposing_sentences,
    strongest_effect,
    waterfall,
)
from locus2target.report.run_tables import load_run_tables


def test_waterfall_by_hand() -> None:
    flow = waterfall(
        {"motif_change": 0.5, "prior": -2.0, "coding_consequence": -0.25, "distance": 1.5, "open_chromatin": 0.0}
    )
    assert [(step.label, step.start, step.end) for step in flow.steps] == [
        ("Prior", 0.0, -2.0),
        ("Distance", -2.0, -0.5),
        ("Motif", -0.5, 0.0),
        ("Coding", 0.0, -0.25),
    ]
    assert (flow.low, flow.high, flow.total) == (-2.0, 0.0, -0.25)
    assert flow.share(-1.0) == 0.5


def test_waterfall_without_parts_has_an_axis() -> None:
    flow = waterfall({})
    assert (flow.total, flow.share(0.0)) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("sign", "word"), [(1.0, "lowering"), (-1.0, "raising"), (None, "Not known"), (float("nan"), "Not known")]
)
def test_direction_says_what_to_do(sign: float | None, word: str) -> None:
    assert word in describe_direction(sign)


def test_card_of_the_best_gene(toy_run: ToyRun) -> None:
    tables = load_run_tables(**toy_run.inputs)
    card = gene_card(records(tables.ranked_genes)[0], tables, {"alpha_strong": "#locus-alpha_strong"})
    assert card.anchor == f"gene-alpha-{gene_id(0)}"
    assert card.confident
    assert [sentence.partition(" ")[0] for sentence in card.supporting] == ["eQTL", "Distance", "Motif", "Open"]
    assert card.opposing[0].startswith("Coding (−0.30)")
    assert "<script>alert('x')</script> has probability 0.06" in card.opposing[1]
    assert [cell.text for cell in card.variants.rows[0]] == [
        "22:1,400,000 A>G", "rs600", "5.0×10⁻²⁶", "0.62", "1", "GATA1 MA0035.5, motif_log_odds −4.20",
    ]  # fmt: skip
    assert [cell.text for cell in card.unknown.rows[0]] == ["pQTL", "no_qtl_in_locus", "no QTL there"]
    assert card.best_locus_href == "#locus-alpha_strong"


def test_variant_without_sequence_says_so(toy_run: ToyRun) -> None:
    effects = load_run_tables(**toy_run.inputs).variant_effects
    own = effects[effects["variant"] == f"17:{LEAD}:A:G"]
    assert strongest_effect(own, gene_id(10)) == "no_sequence: The FASTA has only N there."
    assert strongest_effect(own.iloc[:0], gene_id(10)) == "not scored"


def test_score_of_another_gene_is_not_this_genes_effect() -> None:
    effects = pd.DataFrame(
        {
            "model": ["borzoi", "borzoi", "borzoi", "table"],
            "gene_id": ["other", "own", "own", None],
            "value": [9.0, -0.5, 0.7, None],
            "background_quantile": [0.99, 0.99, 0.5, None],
            "track": ["liver", None, "blood", None],
            "scorer": "log_sed",
            "status": ["ok", "ok", "ok", "not_in_table"],
            "reason": "",
        }
    )
    # one phrase per model, the rarest effect of each
    assert strongest_effect(effects, "own") == "borzoi: log_sed −0.50; table: not_in_table"


def test_doubtful_ld_speaks_against_a_gene(toy_run: ToyRun) -> None:
    tables = load_run_tables(**toy_run.inputs)
    nothing = tables.evidence.iloc[:0], tables.locus_genes.iloc[:0]
    doubtful = {"ld_verdict": "WARN", "ld_reason": "mismatch 0.04"}
    assert opposing_sentences(*nothing, doubtful, "g") == ("LD verdict of the locus WARN: mismatch 0.04",)
    assert opposing_sentences(*nothing, {**doubtful, "ld_verdict": "PASS"}, "g") == ()
