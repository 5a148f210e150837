import sqlite3
from contextlib import closing

import pytest
from sequence_toys import variant_table

from locus2target.core.errors import InputError
from locus2target.sequence.model_row import ModelRow
from locus2target.sequence.predixcan import load_predixcan

WEIGHTS = [  # gene, rsid, varID, ref_allele, eff_allele, weight
    ("ENSG01.7", "rs1", "chr1_100_A_C_b38", "A", "C", 0.5),
    ("ENSG02.1", "rs1", "chr1_100_A_C_b38", "C", "A", 0.25),
    ("ENSG01.7", "rs2", "chr1_200_G_T_b38", "T", "G", -0.125),
    ("ENSG03.2", "rs3", "chrX_300_CT_C_b38", "CT", "C", 0.75),
    ("ENSG03.2", "rs4", "chr2_400_A_G_b38", "T", "C", 0.3),
]
WANTED = variant_table(
    ("X", 300, "CT", "C"),
    ("1", 100, "A", "C"),
    ("1", 200, "T", "G"),
    ("1", 100, "A", "G"),
    ("2", 400, "A", "G"),
)


def write(
    path, weights=WEIGHTS, *, columns="gene TEXT, rsid TEXT, varID TEXT, ref_allele TEXT, eff_allele TEXT", r2=True
):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"CREATE TABLE weights ({columns}, weight DOUBLE)")
        places = ", ".join("?" * (columns.count(",") + 2))
        connection.executemany(f"INSERT INTO weights VALUES ({places})", weights)  # noqa: S608
        connection.execute('CREATE TABLE extra (gene TEXT, genename TEXT, "pred.perf.R2" DOUBLE)')
        if r2:
            extra = [("ENSG01.7", "ONE", 0.07), ("ENSG02.1", "TWO", "NA"), ("ENSG03.2", "THREE", None)]
            connection.executemany("INSERT INTO extra VALUES (?, ?, ?)", extra)
        connection.commit()
    return path


def make_folder(path):
    path.mkdir()
    return path


def load(*paths, **row):
    return load_predixcan(ModelRow("predixcan", "predixcan", paths, **row))


def rows_of(model, scores):
    effects = scores.effects
    tracks = [model.spec.tracks[t].name for t in effects.tracks]
    return set(
        zip(effects.variants.tolist(), tracks, effects.genes, effects.values.tolist(), effects.details, strict=True)
    )


def test_weights_count_the_alt_allele_whatever_allele_the_file_counts(tmp_path):
    model = load(write(tmp_path / "Liver.db"))
    scores = model.score(WANTED, None)
    assert scores.status == ["ok", "ok", "ok", "not_in_table", "allele_mismatch"]
    assert rows_of(model, scores) == {
        (0, "Liver", "ENSG03", 0.75, ""),
        (1, "Liver", "ENSG01", 0.5, "R2 of the gene's model 0.07"),
        (1, "Liver", "ENSG02", -0.25, ""),  # counts A, the reference allele
        (2, "Liver", "ENSG01", -0.125, "R2 of the gene's model 0.07"),  # written G>T, the run has T>G; counts G
    }
    assert "chr2_400_A_G_b38 by alleles T and C" in scores.reason[4]
    assert model.spec.genome_build == "GRCh38"


def test_each_file_is_a_tissue(tmp_path):
    folder = make_folder(tmp_path / "predictdb")
    write(folder / "Liver.db", WEIGHTS[:2])
    write(folder / "Whole_Blood.db", [(*WEIGHTS[0][:5], -2.0), *WEIGHTS[3:4]], r2=False)
    model = load(folder)
    assert [track.name for track in model.spec.tracks] == ["Liver", "Whole_Blood"]
    scores = model.score(WANTED, None)
    assert {row[:4] for row in rows_of(model, scores)} == {
        (0, "Whole_Blood", "ENSG03", 0.75),
        (1, "Liver", "ENSG01", 0.5),
        (1, "Liver", "ENSG02", -0.25),
        (1, "Whole_Blood", "ENSG01", -2.0),
    }
    one = load(folder, tracks="Blood")
    assert [track.name for track in one.spec.tracks] == ["Whole_Blood"]
    assert {row[1] for row in rows_of(one, one.score(WANTED, None))} == {"Whole_Blood"}


def test_a_mismatch_in_one_tissue_does_not_hide_another(tmp_path):
    odd = [(*WEIGHTS[0][:3], "G", "T", 9.0)]
    model = load(write(tmp_path / "Odd.db", odd), write(tmp_path / "Liver.db"))
    scores = model.score(WANTED[1:2], None)
    assert scores.status == ["ok"]
    assert {row[1] for row in rows_of(model, scores)} == {"Liver"}


def test_an_exchanged_pair_of_variants_gets_opposite_weights(tmp_path):
    both = variant_table(("1", 100, "A", "C"), ("1", 100, "C", "A"), ("1", 100, "A", "C"))
    scores = load(write(tmp_path / "Liver.db", WEIGHTS[:1])).score(both, None)
    assert scores.effects.values.tolist() == [0.5, -0.5, 0.5]


def test_variants_written_in_the_rsid_column_are_found(tmp_path):
    weights = [("ENSG01", "1_100_A_C_b37", "A", "C", 0.5)]
    model = load(write(tmp_path / "Old.db", weights, columns="gene TEXT, rsid TEXT, ref_allele TEXT, eff_allele TEXT"))
    assert model.spec.genome_build == "GRCh37"
    assert model.score(WANTED[1:2], None).effects.values.tolist() == [0.5]


def test_files_without_a_build_say_so(tmp_path):
    weights = [("ENSG01", "rs1", "chr1_100_A_C", "A", "C", 0.5)]
    model = load(write(tmp_path / "Plain.db", weights))
    assert model.spec.genome_build is None
    assert model.score(WANTED[1:2], None).effects.values.tolist() == [0.5]


def test_files_with_rsids_only_cannot_be_matched(tmp_path):
    weights = [("ENSG01", "rs1", "A", "C", 0.5)]
    path = write(tmp_path / "rs.db", weights, columns="gene TEXT, rsid TEXT, ref_allele TEXT, eff_allele TEXT")
    with pytest.raises(InputError, match="by rsID only"):
        load(path)


def test_tissues_of_two_builds_are_refused(tmp_path):
    other = [(gene, rsid, text.replace("b38", "b37"), *rest) for gene, rsid, text, *rest in WEIGHTS]
    with pytest.raises(InputError, match=r"different builds: Liver\.db on GRCh38, Old\.db on GRCh37"):
        load(write(tmp_path / "Liver.db"), write(tmp_path / "Old.db", other))


def test_files_that_are_no_weights_are_refused(tmp_path):
    (tmp_path / "text.db").write_text("no database")
    with pytest.raises(InputError, match="cannot be read as SQLite"):
        load(tmp_path / "text.db")
    with pytest.raises(InputError, match="no such file"):
        load(tmp_path / "none.db")
    with pytest.raises(InputError, match="no column rsid"):
        load(write(tmp_path / "bad.db", [("g", "A", "C", 1.0)], columns="gene TEXT, ref_allele TEXT, eff_allele TEXT"))
    with pytest.raises(InputError, match=r"no \.db files"):
        load(make_folder(tmp_path / "empty"))


def test_the_file_is_opened_for_reading_only(tmp_path):
    path = write(tmp_path / "with space #1.db")
    path.chmod(0o444)
    before = path.read_bytes()
    assert load(path).score(WANTED, None).status[0] == "ok"
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
