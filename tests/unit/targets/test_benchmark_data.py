import gzip
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from locus2target.core.errors import InputError
from locus2target.targets import benchmark_data as data
from locus2target.targets.benchmark_baselines import baselines, evidence_count, inverse_distance, nearest
from locus2target.targets.benchmark_metrics import MeasureSettings, lay_out, measure

SHARED = Path(__file__).parents[4] / "shared/data"
STAGED = SHARED / "benchmark_ukb_credible_sets_grch38"
GOLD = SHARED / "gold_standards_opentargets/gwas_gold_standards.191108.other_traits.even_chromosomes.tsv.gz"
LEAD = 1_000_000  # 0-based

GENE_HEADER = ["#chr", "start", "end", "name", "score", "strand", "Ensembl_ID", "gene_type"]
SET_HEADER = [
    *["trait", "credible_set_id", "chromosome", "position_0based_start", "allele1", "allele2", "pip"],
    *["coding", "coding_gene", "splice_site", "splice_gene", "promoter"],
]


def gene_row(name: str, tss: int, *, chromosome: str = "chr2", kind: str = "protein_coding") -> list[object]:
    number = sum(ord(letter) << (7 * place) for place, letter in enumerate(name))
    return [chromosome, tss - 250, tss + 250, name, 0, "+", f"ENSG{number:011d}", kind]


def set_row(trait: str, name: str, position: int, pip: float, *, coding: str = "") -> list[object]:
    flags = [bool(coding), coding, False, "", False]
    return [trait, name, "chr2", position, "A", "G", pip, *flags]


def write(path: Path, header: list[str], rows: list[list[object]]) -> Path:
    pd.DataFrame(rows, columns=header).to_csv(path, sep="\t", index=False)
    return path


GENES = [
    gene_row("AT", LEAD),
    gene_row("IN", LEAD - 500_000),
    gene_row("OUT", LEAD + 500_001),
    gene_row("RNA", LEAD + 10, kind="lincRNA"),
    gene_row("ELSE", LEAD, chromosome="chr4"),
    gene_row("HIT", LEAD + 99_000),
]
SETS = [
    set_row("T", "chr2:1", LEAD, 0.6),
    set_row("T", "chr2:1", LEAD + 9_000, 0.2),
    set_row("T", "chr2:2", LEAD + 99_100, 0.9, coding="HIT"),  # the signal that makes HIT the known target
]


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    truth = [["T", "chr2:1", "chr2", LEAD, "HIT"]]
    return {
        "genes": write(tmp_path / "genes.bed.gz", GENE_HEADER, GENES),
        "sets": write(tmp_path / "sets.tsv.gz", SET_HEADER, SETS),
        "truth": write(
            tmp_path / "truth.tsv", ["trait", "credible_set_id", "chromosome", "lead_position", "gene"], truth
        ),
    }


def build(files: dict[str, Path], **options: object) -> data.Benchmark:
    sets = data.read_credible_sets([files["sets"]])
    return data.build_benchmark(data.read_truth(files["truth"]), data.read_genes(files["genes"]), sets, **options)  # type: ignore[arg-type]


def test_candidates_and_distances_by_hand(files: dict[str, Path]) -> None:
    rows = build(files).candidates.set_index("gene_symbol")
    assert set(rows.index) == {"AT", "IN", "HIT"}  # 500,000 is inside, 500,001 is not
    assert rows["tss_distance"].to_dict() == {"AT": 0, "IN": 500_000, "HIT": 99_000}
    assert rows["is_target"].to_dict() == {"AT": False, "IN": False, "HIT": True}
    # weights 0.75 and 0.25; distances + 1 kb: AT 1,000 and 10,000; HIT 100,000 and 91,000
    assert rows.loc["AT", "mean_log10_tss_distance"] == pytest.approx(0.75 * 3 + 0.25 * 4)
    assert rows.loc["HIT", "mean_log10_tss_distance"] == pytest.approx(0.75 * 5 + 0.25 * math.log10(91_000))
    assert rows[["body_distance", "mean_log10_body_distance"]].isna().all(axis=None)
    assert (rows["chromosome"] == "2").all()


def test_other_gene_types_compete_when_they_are_listed(files: dict[str, Path]) -> None:
    found = build(files, gene_types=("protein_coding", "lincRNA"), window_bp=50_000).candidates
    assert set(found["gene_symbol"]) == {"AT", "RNA"}


def test_body_distance_is_0_from_the_first_to_the_last_base(files: dict[str, Path]) -> None:
    # the lead is base 1,000,001 (1-based); bodies are 0-based, end exclusive
    bodies = {"AT": (LEAD, LEAD + 1), "IN": (LEAD - 500_000, LEAD), "HIT": (LEAD + 2, LEAD + 99_000)}
    rows = [[*row, *bodies.get(str(row[3]), (0, 1))] for row in GENES]
    write(files["genes"], [*GENE_HEADER, "body_start", "body_end"], rows)
    found = build(files).candidates.set_index("gene_symbol")
    assert found["body_distance"].to_dict() == {"AT": 0, "IN": 1, "HIT": 2}
    # second variant 9,000 on: 9,000 from AT, 9,001 from IN, inside HIT
    expected = {
        "AT": 0.75 * 3 + 0.25 * 4,
        "IN": 0.75 * math.log10(1_001) + 0.25 * math.log10(10_001),
        "HIT": 0.75 * math.log10(1_002) + 0.25 * 3,
    }
    assert found["mean_log10_body_distance"].to_dict() == pytest.approx(expected)
    assert "nearest_body" in baselines(build(files).candidates)


def test_the_coding_signal_of_the_truth_is_not_in_what_is_returned(files: dict[str, Path]) -> None:
    """Which gene a coding variant hits is nowhere; that a set has one is known of sets alone, to leave them out."""
    benchmark, sets = build(files), data.read_credible_sets([files["sets"]])
    telling = ("coding", "splice", "promoter")
    for table in (benchmark.candidates, benchmark.variants, benchmark.loci, benchmark.targets):
        assert not [name for name in table.columns if any(word in name for word in telling)]
    assert [name for name in sets.columns if any(word in name for word in telling)] == ["has_coding"]
    assert sets["has_coding"].dtype == np.bool_
    assert "HIT" not in sets.astype(str).to_numpy()
    assert benchmark.variants["position"].tolist() == [LEAD + 1, LEAD + 9_001]
    assert data.signals_elsewhere(sets, trait="T", chromosome="chr2").empty
    assert len(data.signals_elsewhere(sets, trait="T", chromosome="4")) == 3
    assert data.signals_elsewhere(sets, trait="U", chromosome="4").empty
    # the same tables come out whatever the coding signal is
    write(files["sets"], SET_HEADER, [*SETS[:2], set_row("T", "chr2:2", LEAD - 400_000, 0.9, coding="IN")])
    again = build(files)
    pd.testing.assert_frame_equal(again.candidates, benchmark.candidates)
    pd.testing.assert_frame_equal(again.variants, benchmark.variants)


def test_lead_variants_alone(files: dict[str, Path], tmp_path: Path) -> None:
    hit_id = gene_row("HIT", 0)[6]
    rows = [
        ["T", "2", LEAD + 1, f"{hit_id}.7"],  # 1-based, id with version
        ["T", "2", LEAD + 1, "AT"],  # a second target of the same locus
        ["T", "chr4", LEAD + 11, "HIT"],  # the target is on another chromosome
        ["T", "4", 90_000_000, "ELSE"],  # no gene near
    ]
    truth = data.read_truth(write(tmp_path / "leads.tsv", ["trait", "chromosome", "position", "gene"], rows))
    benchmark = data.build_benchmark(truth, data.read_genes(files["genes"]))
    assert benchmark.loci["status"].tolist() == ["ok", "target_not_candidate", "no_candidates"]
    assert benchmark.loci["n_candidates"].tolist() == [3, 1, 0]
    assert set(benchmark.candidates.loc[benchmark.candidates["is_target"], "gene_symbol"]) == {"AT", "HIT"}
    found = benchmark.candidates.set_index(["chromosome", "gene_symbol"])
    assert found.loc[("2", "HIT"), "tss_distance"] == 99_000
    assert found.loc[("2", "HIT"), "mean_log10_tss_distance"] == pytest.approx(5.0)
    assert found.loc[("4", "ELSE"), "tss_distance"] == 10
    assert len(benchmark.targets) == 4


@pytest.mark.parametrize(
    ("name", "column"), [("genes", "Ensembl_ID"), ("sets", "pip"), ("truth", "gene"), ("truth", "lead_position")]
)
def test_missing_columns_are_named(files: dict[str, Path], name: str, column: str) -> None:
    pd.read_csv(files[name], sep="\t").drop(columns=column).to_csv(files[name], sep="\t", index=False)
    with pytest.raises(InputError, match=rf"{files[name].name}: lacks the column {column}"):
        build(files)


def test_bad_values_are_named(files: dict[str, Path]) -> None:
    write(files["sets"], SET_HEADER, [SETS[0], set_row("T", "chr2:1", LEAD, 1.5)])
    with pytest.raises(InputError, match=r"pip is '1\.5' in data row 2"):
        build(files)
    unknown = [*SETS[1][:7], "maybe", *SETS[1][8:]]
    write(files["sets"], SET_HEADER, [SETS[0], unknown])
    with pytest.raises(InputError, match="coding is 'maybe' in data row 2, expected True or False"):
        build(files)
    write(files["sets"], SET_HEADER, [set_row("T", "chr2:9", LEAD, 0.5)])
    with pytest.raises(InputError, match=r"T\|chr2:1 has no variant with a PIP above 0"):
        build(files)
    write(files["genes"], GENE_HEADER, [GENES[0], GENES[0]])
    with pytest.raises(InputError, match="expected there once"):
        build(files)


def test_ambiguous_truth_is_refused(files: dict[str, Path]) -> None:
    genes, truth = data.read_genes(files["genes"]), data.read_truth(files["truth"])
    with pytest.raises(InputError, match="no file with credible sets is given"):
        data.build_benchmark(truth, genes)
    sets = data.read_credible_sets([files["sets"]])
    moved = pd.concat([truth, truth.assign(position=5)], ignore_index=True)
    with pytest.raises(InputError, match="more than one lead"):
        data.build_benchmark(moved, genes, sets)
    twins = genes.replace({"gene_symbol": {"OUT": "HIT"}})
    with pytest.raises(InputError, match="HIT is the symbol of several genes"):
        data.build_benchmark(truth, twins, sets)
    with pytest.raises(InputError, match="has no row"):
        data.build_benchmark(truth.head(0), genes, sets)


def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.tsv: cannot be read"):
        data.read_truth(tmp_path / "absent.tsv")
    rows = "\n".join(["trait\tchromosome\tposition\tgene", *(f"T\t2\t{n}\tG" for n in range(50_000))])
    (tmp_path / "broken.tsv.gz").write_bytes(gzip.compress(rows.encode())[:-100])  # the header can be read
    with pytest.raises(InputError, match=r"broken\.tsv\.gz: cannot be read"):
        data.read_truth(tmp_path / "broken.tsv.gz")


def test_gold_standards_keep_confident_rows_once(tmp_path: Path) -> None:
    names = list(data._GOLD_COLUMNS)
    rows: list[list[object]] = [
        ["Asthma", "asthma (any)", "6", 500, "ENSG00000000001", "High"],
        ["Asthma", "asthma (child)", "6", 500, "ENSG00000000001", "Medium"],
        ["NA", "Height", "6", 700, "ENSG00000000002", "Medium"],
        ["Asthma", "asthma", "6", 900, "ENSG00000000003", "Low"],
    ]
    found = data.read_gold_standards(write(tmp_path / "gold.tsv", names, rows))
    assert found["locus"].tolist() == ["Asthma|6:500", "Height|6:700"]
    assert found["confidence"].tolist() == ["High", "Medium"]
    assert found["position"].tolist() == [500, 700]


def toy_candidates() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "locus": ["a", "a", "a", "b", "b"],
            "tss_distance": [10.0, 10.0, 99_000.0, 5_000.0, 3_000.0],
            "mean_log10_tss_distance": [3.0, 4.0, 5.0, 4.0, 4.0],
            "body_distance": [0.0, 5.0, np.nan, 0.0, 0.0],
        }
    )


def test_nearest_shares_ties() -> None:
    prediction = nearest(toy_candidates(), "tss_distance")
    assert prediction.probability.tolist() == [0.5, 0.5, 0, 0, 1]
    assert prediction.score.tolist() == [-10, -10, -99_000, -5_000, -3_000]


def test_inverse_distance_by_hand() -> None:
    # 1 kb, 10 kb and 100 kb: shares 100 : 10 : 1
    assert inverse_distance(toy_candidates()).probability == pytest.approx([100 / 111, 10 / 111, 1 / 111, 0.5, 0.5])


def test_evidence_count_by_hand() -> None:
    sources = pd.DataFrame({"qtl": [0.0, 0.9, 0.9, 0.9, np.nan], "coding": [0.0, 0.0, 0.9, 0.4, 0.0]})
    prediction = evidence_count(toy_candidates(), sources, threshold=0.5)
    # counts with the vote of the nearest: 1, 2, 2 | 1, 1; equal counts go by distance
    assert prediction.probability.tolist() == [0, 1, 0, 0, 1]
    assert np.argsort(-prediction.score[:3]).tolist() == [1, 2, 0]


def test_evidence_count_of_distance_alone_is_the_nearest_start() -> None:
    found = baselines(toy_candidates())
    assert list(found) == ["nearest_tss", "pip_weighted_distance", "evidence_count"]  # one body is not known
    assert found["evidence_count"].probability.tolist() == found["nearest_tss"].probability.tolist()
    for locus in ([0, 1, 2], [3, 4]):
        orders = [pd.Series(found[name].score[locus]).rank().tolist() for name in ("evidence_count", "nearest_tss")]
        assert orders[0] == orders[1]


@pytest.mark.skipif(not STAGED.is_dir(), reason="the staged benchmark is not beside the repository")
def test_staged_benchmark_has_the_known_baseline() -> None:
    genes = data.read_genes(STAGED / "gencode_v43_tss.bed.gz")
    sets = data.read_credible_sets([STAGED / "credible_sets.tsv.gz"])
    benchmark = data.build_benchmark(data.read_truth(STAGED / "target_genes.tsv"), genes, sets)
    assert len(benchmark.loci) == 164
    assert benchmark.loci["status"].eq("ok").all()
    prediction = baselines(benchmark.candidates)["nearest_tss"]
    layout = lay_out(benchmark.candidates, benchmark.targets)
    table = measure(layout, prediction, method="nearest_tss", settings=MeasureSettings(draws=20))
    top = table[table["metric"] == "top_1"].set_index("average")
    assert top["value"].to_dict() == pytest.approx({"locus": 0.524, "gene": 0.395}, abs=0.001)
    assert set(top["n_genes"]) == {45}


@pytest.mark.skipif(not GOLD.is_file(), reason="the staged gold standards are not beside the repository")
def test_staged_gold_standards_are_read() -> None:
    truth = data.read_gold_standards(GOLD)
    assert truth["confidence"].isin(["High", "Medium"]).all()
    beta_carotene = truth[truth["trait"] == "B-Carotene"]
    assert (16, 81_230_992, "ENSG00000135697") in [
        (int(chromosome), position, gene)
        for chromosome, position, gene in beta_carotene[["chromosome", "position", "gene"]].itertuples(index=False)
    ]
    benchmark = data.build_benchmark(truth, data.read_genes(STAGED / "gencode_v43_tss.bed.gz"))
    assert benchmark.loci["status"].eq("ok").mean() > 0.95
