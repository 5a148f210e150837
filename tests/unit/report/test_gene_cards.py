import pandas as pd
from report_run import LEAD, ToyRun, gene_id

from locus2target.core.tables import records
from locus2target.report.gene_cards import (
    convergence_sentences,
    describe_other_diseases,
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


def test_card_of_the_best_gene(toy_run: ToyRun) -> None:
    tables = load_run_tables(**toy_run.inputs)
    card = gene_card(records(tables.targets)[0], tables, {"alpha_strong": "#locus-alpha_strong"})
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


def test_convergence_is_told_apart_from_the_evidence_at_the_locus(toy_run: ToyRun) -> None:
    tables = load_run_tables(**toy_run.inputs)
    card = gene_card(records(tables.targets)[0], tables, {})
    (sentence,) = card.convergence
    assert sentence.startswith("+0.60: GENE0 shares Reactome")
    assert "HMBS (0.9)" in sentence
    assert not any("HMBS" in text for text in (*card.supporting, *card.opposing))
    assert "Convergence" in {step.label for step in card.waterfall.steps}
    assert card.robustness == (
        "Probability 0.91; 0.46 without convergence across loci; 0.82 with every cell type and tissue counted alike."
    )
    lowered = tables.evidence.assign(log_odds=-1.0)
    assert not any(
        "HMBS" in text for text in opposing_sentences(lowered, tables.locus_genes, {"ld_verdict": "PASS"}, "g")
    )


def test_convergence_without_a_result_says_why(toy_run: ToyRun) -> None:
    evidence = load_run_tables(**toy_run.inputs).evidence
    assert convergence_sentences(evidence[evidence["source"] == "distance"]) == ("Not part of this run.",)
    silent = evidence[evidence["source"] == "convergence"].assign(status="no_gene_set", reason="in no gene set")
    assert convergence_sentences(silent) == ("in no gene set",)


def test_what_a_drug_would_meet(toy_run: ToyRun) -> None:
    tables = load_run_tables(**toy_run.inputs)
    first, second = (gene_card(row, tables, {}) for row in records(tables.targets)[:2])
    assert (first.modulation, first.reliability) == ("inhibit", "moderate")
    assert first.other_diseases.startswith("beta trait (0.61, activate), gamma (0.12, direction unknown).")
    assert dict(first.annotations)["Known drugs"] == "wonderdrug (phase 4, <script>alert('x')</script>)"
    assert second.other_diseases == describe_other_diseases(None)
    assert dict(second.annotations) == dict.fromkeys(("Tractability", "Known drugs", "Safety and constraint"), "–")


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
