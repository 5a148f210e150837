"""Two chromosomes, three loci. The gene `far` of each is favoured by other signals, `near` by distance."""

import json
from dataclasses import replace
from math import exp, isnan, log, log10
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import benchmark_ranking
from locus2target.targets.benchmark_data import read_gold_standards, read_truth
from locus2target.targets.benchmark_metrics import MeasureSettings
from locus2target.targets.benchmark_run import BenchmarkFiles, json_lines, measure_all, prepare
from locus2target.targets.ranking_model import MODELS, FittedModel, write_models

SLOPE = -2.0
NEAR, FAR, LEAD = 1_000_000, 1_100_000, 1_010_000  # 1-based
GENE_NAMES = ["#chr", "start", "end", "name", "score", "strand", "Ensembl_ID", "gene_type"]
SET_NAMES = ["trait", "credible_set_id", "chromosome", "position_0based_start", "allele1", "allele2", "pip", "coding"]
SETTINGS = MeasureSettings(draws=5)


def write(path: Path, names: list[str], rows: list[list[object]]) -> Path:
    pd.DataFrame(rows, columns=names).to_csv(path, sep="\t", index=False)
    return path


def gene_row(number: int, name: str, chromosome: str, tss: int, *, kind: str = "protein_coding") -> list[object]:
    return [f"chr{chromosome}", tss - 251, tss + 249, name, 0, "+", f"ENSG{number:011d}.4", kind]


def set_row(trait: str, name: str, chromosome: str, position: int, *, coding: bool = False) -> list[object]:
    return [trait, name, f"chr{chromosome}", position - 1, "A", "G", 0.9, coding]


@pytest.fixture
def files(tmp_path: Path) -> BenchmarkFiles:
    """Loci `own` on chromosomes 2 and 4, where a second signal lies at the far gene; `lost` knows no target near."""
    genes = [gene_row(1, "NEAR2", "2", NEAR), gene_row(2, "FAR2", "2", FAR)]
    genes += [gene_row(3, "NEAR4", "4", NEAR), gene_row(4, "FAR4", "4", FAR), gene_row(5, "LAST", "4", 90_000_000)]
    genes += [gene_row(6, "RNA2", "2", LEAD, kind="lincRNA")]
    sets = [set_row("T", f"{name}{place}", place, at) for place in "24" for name, at in (("own", LEAD), ("far", FAR))]
    (tmp_path / "sets.gmt").write_text("all\ttoy | all of them\tNEAR2\tFAR2\tNEAR4\tFAR4\tLAST\n")
    write(
        tmp_path / "truth.tsv",
        ["trait", "credible_set_id", "chromosome", "lead_position", "gene"],
        [["T", f"own{place}", f"chr{place}", LEAD - 1, f"FAR{place}"] for place in "24"]
        + [["T", "far4", "chr4", FAR - 1, "LAST"]],
    )
    return BenchmarkFiles(
        write(tmp_path / "genes.bed", GENE_NAMES, genes),
        tmp_path / "sets.gmt",
        (write(tmp_path / "credible_sets.tsv", SET_NAMES, sets),),
    )


def models(**changes: FittedModel) -> dict[str, FittedModel]:
    """Weights by name; every model but those given says nothing."""
    return {name: FittedModel(dict.fromkeys(features, 0.0), {}, 1.0) for name, features in MODELS.items()} | changes


def by_method(tables: list[pd.DataFrame], metric: str, average: str = "locus") -> dict[str, float]:
    table = pd.concat(tables, ignore_index=True)
    rows = table[(table["metric"] == metric) & (table["average"] == average)]
    return dict(zip(rows["method"], rows["value"], strict=True))


def test_candidates_features_and_votes_lie_side_by_side(files: BenchmarkFiles, tmp_path: Path) -> None:
    benchmark, table = prepare(read_truth(tmp_path / "truth.tsv"), files, shares_slope=SLOPE)
    assert benchmark.candidates["gene_symbol"].tolist() == ["NEAR2", "FAR2", "NEAR4", "FAR4", "NEAR4", "FAR4"]
    assert table.locus.tolist() == [0, 0, 1, 1, 2, 2]
    assert table.chromosome.tolist() == ["2", "2", "4", "4", "4", "4"]
    assert table.target.tolist() == [0.0, 1.0, 0.0, 1.0, 0.0, 0.0]  # the target of the last lies elsewhere
    np.testing.assert_allclose(table.features["distance"][:2], [log10(11_000), log10(91_000)])
    at_far = 1 / (1 + exp(SLOPE * (log10(101_000) - 3)))  # share of the far gene in the signal at its start
    np.testing.assert_allclose(table.features["other_signals"][:2], [log(2 - at_far), log(1 + at_far)])


def test_a_locus_is_predicted_without_its_chromosome(files: BenchmarkFiles, tmp_path: Path) -> None:
    """Nearer is better but for the fold of chromosome 4, where farther is."""
    near, far = ({"distance": sign} for sign in (-1.0, 1.0))
    benchmark, table = prepare(read_truth(tmp_path / "truth.tsv"), files, shares_slope=SLOPE)
    fitted = models(distance_only=FittedModel(near, {"2": near, "4": far}, 1.0))
    found = list(measure_all(benchmark, table, fitted, SETTINGS))
    assert by_method(found, "top_1")["distance_only"] == pytest.approx(1 / 3)  # chromosome 4, not 2, not the lost one
    fitted = models(distance_only=FittedModel(near, {"2": far}, 1.0))  # the final weights on chromosome 4
    assert by_method(list(measure_all(benchmark, table, fitted, SETTINGS)), "top_1")["distance_only"] == pytest.approx(
        1 / 3
    )
    fitted = models(distance_only=FittedModel(far, {"2": near, "4": near}, 1.0))
    assert by_method(list(measure_all(benchmark, table, fitted, SETTINGS)), "top_1")["distance_only"] == 0.0


def test_probabilities_are_the_softmax_of_the_weighted_features(files: BenchmarkFiles, tmp_path: Path) -> None:
    """Recall at 0.5 turns where the far gene's probability passes 0.5."""
    benchmark, table = prepare(read_truth(tmp_path / "truth.tsv"), files, shares_slope=SLOPE)
    gap = log10(91_000) - log10(11_000)  # of distance
    gain = table.features["other_signals"][1] - table.features["other_signals"][0]
    for factor, expected in ((1.05, 2 / 3), (0.95, 0.0)):
        weights = {"distance": -1.0, "other_signals": factor * gap / gain, "convergence": 0.0}
        found = list(measure_all(benchmark, table, models(model=FittedModel(weights, {}, 1.0)), SETTINGS))
        recall = pd.concat(found).query("metric == 'recall' and threshold == 0.5 and average == 'locus'")
        assert recall.set_index("method").loc["model", "value"] == pytest.approx(expected)


def test_methods_and_baselines(files: BenchmarkFiles, tmp_path: Path) -> None:
    benchmark, table = prepare(read_truth(tmp_path / "truth.tsv"), files, shares_slope=SLOPE)
    top = by_method(list(measure_all(benchmark, table, models(), SETTINGS)), "top_1")
    assert list(top) == [*MODELS, "nearest_tss", "pip_weighted_distance", "evidence_count"]
    assert top["nearest_tss"] == top["pip_weighted_distance"] == top["evidence_count"] == 0.0
    assert top["without_convergence"] == pytest.approx(1 / 3)  # a model that says nothing: one gene of two


@pytest.mark.parametrize(("factor", "expected"), [(1.02, 1.0), (0.98, 0.0)])
def test_evidence_that_doubles_the_odds_of_a_gene_is_counted(
    files: BenchmarkFiles, tmp_path: Path, factor: float, expected: float
) -> None:
    """Of three genes one has a factor of 4: 4 over the mean of 4, 1 and 1 is 2. Two sources outdo being nearest."""
    with files.genes.open("a") as handle:
        handle.write("\t".join(map(str, gene_row(7, "THIRD2", "2", 1_300_000))) + "\n")
    truth = read_truth(tmp_path / "truth.tsv").query("chromosome == '2'")
    benchmark, table = prepare(truth, files, shares_slope=SLOPE)
    far = (benchmark.candidates["gene_symbol"] == "FAR2").to_numpy(float)
    assert far.tolist() == [0.0, 1.0, 0.0]
    spoken = replace(table, features=pd.DataFrame(dict.fromkeys(table.features, far)))
    held_out = {"distance": 0.0, "other_signals": factor * log(4), "convergence": factor * log(4)}
    model = FittedModel(dict.fromkeys(held_out, 0.0), {"2": held_out}, 1.0)
    top = by_method(list(measure_all(benchmark, spoken, models(model=model), SETTINGS)), "top_1")
    assert top["evidence_count"] == expected


def test_lines_for_machines(files: BenchmarkFiles, tmp_path: Path) -> None:
    benchmark, table = prepare(read_truth(tmp_path / "truth.tsv"), files, shares_slope=SLOPE)
    metrics = next(measure_all(benchmark, table, models(), SETTINGS))
    lines = list(json_lines(metrics, benchmark))
    assert len(lines) == len(metrics)
    assert all(line["benchmark"] == "ranking" for line in lines)
    assert all((line["n_target_not_candidate"], line["n_without_candidates"]) == (1, 0) for line in lines)
    assert all(line["n_loci"] == line["n_genes"] == 3 for line in lines)
    for line, value in zip(lines, metrics["value"], strict=True):
        assert line["value"] is None if isnan(value) else line["value"] == value
    assert any(line["value"] is None for line in lines)  # precision where no gene is called
    json.loads(json.dumps(lines, allow_nan=False))


def test_a_locus_without_candidates_is_told_and_not_measured(files: BenchmarkFiles, tmp_path: Path) -> None:
    """A set 50 Mb from every gene, twice in the truth: one locus of two targets."""
    with (tmp_path / "truth.tsv").open("a") as handle:
        handle.writelines(f"T\tlone2\tchr2\t50000000\t{name}\n" for name in ("FAR2", "NEAR2"))
    with files.credible_sets[0].open("a") as handle:
        handle.write("\t".join(map(str, set_row("T", "lone2", "2", 50_000_001))) + "\n")
    benchmark, table = prepare(read_truth(tmp_path / "truth.tsv"), files, shares_slope=SLOPE)
    lines = list(json_lines(next(measure_all(benchmark, table, models(), SETTINGS)), benchmark))
    assert all((line["n_target_not_candidate"], line["n_without_candidates"]) == (1, 1) for line in lines)
    assert all(line["n_loci"] == 3 for line in lines)


def test_gains_are_the_differences_to_the_model(files: BenchmarkFiles, tmp_path: Path) -> None:
    """The model is right at two of three loci, the third has no target near."""
    benchmark, table = prepare(read_truth(tmp_path / "truth.tsv"), files, shares_slope=SLOPE)
    far = FittedModel({"distance": 1.0, "other_signals": 0.0, "convergence": 0.0}, {}, 1.0)
    found = list(measure_all(benchmark, table, models(model=far), SETTINGS))
    for average in ("locus", "gene"):
        top = by_method(found, "top_1", average)
        gains = by_method(found, "top_1_gain", average)
        assert list(gains) == [name for name in top if name != "model"]
        assert top["model"] == pytest.approx(2 / 3)
        assert gains == pytest.approx({name: top["model"] - top[name] for name in gains})
    assert gains["nearest_tss"] == pytest.approx(2 / 3)
    assert gains["without_convergence"] == pytest.approx(1 / 3)  # of two genes one


def test_beside_lead_variants_credible_sets_are_left_aside(
    files: BenchmarkFiles, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Which signal is the locus' own would be unknown, and it would count as another one."""
    truth = read_truth(
        write(tmp_path / "leads.tsv", ["trait", "chromosome", "position", "gene"], [["T", "2", LEAD, "FAR2"]])
    )
    _, beside = prepare(truth, files, shares_slope=SLOPE)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert caplog.messages == ["the truth names lead variants: the credible sets are not used"]
    caplog.clear()
    _, table = prepare(truth, BenchmarkFiles(files.genes, files.gene_sets), shares_slope=SLOPE)
    prepare(read_truth(tmp_path / "truth.tsv"), files, shares_slope=SLOPE)
    assert not caplog.records  # nothing is left aside
    pd.testing.assert_frame_equal(beside.features, table.features, check_exact=True)
    assert (table.features["other_signals"] == 0).all()
    np.testing.assert_allclose(table.features["distance"], [log10(11_000), log10(91_000)])


def test_gold_standards_are_lead_variants(files: BenchmarkFiles, tmp_path: Path) -> None:
    names = [
        "trait_info.standard_trait_name",
        "trait_info.reported_trait_name",
        "sentinel_variant.locus_GRCh38.chromosome",
        "sentinel_variant.locus_GRCh38.position",
        "gold_standard_info.gene_id",
        "gold_standard_info.highest_confidence",
    ]
    path = write(tmp_path / "gold.tsv", names, [["T", "T", "2", LEAD, "ENSG00000000002", "High"]])
    lead_files = BenchmarkFiles(files.genes, files.gene_sets)
    benchmark, table = prepare(read_gold_standards(path), lead_files, shares_slope=SLOPE)
    assert benchmark.candidates.loc[table.target > 0, "gene_symbol"].tolist() == ["FAR2"]


def test_the_step_writes_what_the_library_measures(files: BenchmarkFiles, tmp_path: Path) -> None:
    near = {"distance": -1.0, "other_signals": 0.5, "convergence": 0.0}
    fitted = models(model=FittedModel(near, {}, 1.0))
    write_models(tmp_path / "models.json", fitted, {"shares_slope": SLOPE})
    benchmark_ranking.main(
        credible_sets=[str(path) for path in files.credible_sets],
        genes=str(files.genes),
        truth=str(tmp_path / "truth.tsv"),
        gene_sets=str(files.gene_sets),
        models=str(tmp_path / "models.json"),
        metrics=str(tmp_path / "metrics.jsonl"),
        metrics_tsv=str(tmp_path / "metrics.tsv"),
        settings={"draws": 5, "seed": 1},
    )
    benchmark, table = prepare(read_truth(tmp_path / "truth.tsv"), files, shares_slope=SLOPE)
    expected = pd.concat(measure_all(benchmark, table, fitted, SETTINGS), ignore_index=True)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert lines == list(json_lines(expected, benchmark))
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "metrics.tsv", sep="\t"), expected)
