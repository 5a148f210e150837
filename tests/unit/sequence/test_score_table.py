import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset
import pytest
from sequence_toys import variant_table

from locus2target.core.errors import InputError
from locus2target.sequence import score_table
from locus2target.sequence.model_row import ModelRow
from locus2target.sequence.score_table import load_score_table

PLAIN = pd.DataFrame(
    [
        ("1", 100, "A", "C", "liver", "lfc", 0.5, "ENSG01.4", 0.9),
        ("1", 100, "A", "C", "liver", "lfc", -0.7, "ENSG02.1", -0.95),
        ("1", 100, "A", "C", "blood", "lfc", 0.1, "ENSG01.4", 0.2),
        ("1", 100, "A", "G", "blood", "active", 3.0, None, 0.4),
        ("2", 50, "AT", "A", "liver", "lfc", 0.25, "ENSG03", None),
        ("X", 7, "G", "T", "liver", "active", 1.5, None, 0.1),
        ("MT", 9, "C", "T", "liver", "active", 2.5, None, 0.3),
    ],
    columns=["chromosome", "position", "ref", "alt", "track", "scorer", "value", "gene_id", "quantile"],
)
WANTED = variant_table(
    ("1", 100, "A", "C"),
    ("X", 7, "G", "T"),
    ("1", 100, "C", "A"),
    ("1", 100, "A", "T"),
    ("2", 50, "AT", "A"),
    ("1", 100, "A", "G"),
    ("MT", 9, "C", "T"),
)
STATUS = ["ok", "ok", "alleles_exchanged", "not_in_table", "ok", "ok", "ok"]


def tidy(frame):
    """The same rows as AlphaGenome's `tidy_scores` writes them."""
    names = frame["chromosome"].map(lambda name: "chr" + ("M" if name == "MT" else name))
    variant = names + ":" + frame["position"].astype(str) + ":" + frame["ref"] + ">" + frame["alt"]
    return pd.DataFrame(
        {
            "variant_id": variant,
            "scored_interval": "chr1:1-1000:.",
            "gene_id": frame["gene_id"],
            "output_type": "RNA_SEQ",
            "variant_scorer": frame["scorer"],
            "track_name": frame["track"],
            "track_strand": ".",
            "raw_score": frame["value"],
            "quantile_score": frame["quantile"],
        }
    )


def with_chr(frame):
    return frame.assign(chromosome="chr" + frame["chromosome"].replace("MT", "M"))


def write(path, frame):
    if path.suffix == ".parquet":
        frame.to_parquet(path, row_group_size=2)
    else:
        frame.to_csv(path, sep="\t", index=False)
    return path


def load(path, **row):
    return load_score_table(ModelRow("table", "score_table", (path,), **row))


def rows_of(model, scores):
    """Effects as (variant, scorer, track, gene, value, detail)."""
    effects = scores.effects
    return [
        (int(v), model.scores[s].name, model.spec.tracks[t].name, gene, pytest.approx(value, rel=1e-6), detail)
        for v, s, t, gene, value, detail in zip(
            effects.variants,
            effects.scores,
            effects.tracks,
            effects.genes,
            effects.values,
            effects.details,
            strict=True,
        )
    ]


EXPECTED = {
    (0, "lfc", "liver", "ENSG01", 0.5, "quantile 0.9"),
    (0, "lfc", "liver", "ENSG02", -0.7, "quantile -0.95"),
    (0, "lfc", "blood", "ENSG01", 0.1, "quantile 0.2"),
    (1, "active", "liver", None, 1.5, "quantile 0.1"),
    (4, "lfc", "liver", "ENSG03", 0.25, ""),
    (5, "active", "blood", None, 3.0, "quantile 0.4"),
    (6, "active", "liver", None, 2.5, "quantile 0.3"),
}


@pytest.mark.parametrize("name", ["t.tsv", "t.tsv.gz", "t.parquet"])
@pytest.mark.parametrize("form", [PLAIN, with_chr(PLAIN), tidy(PLAIN)], ids=["plain", "chr", "alphagenome"])
def test_every_form_of_table_gives_the_same_scores(tmp_path, name, form):
    model = load(write(tmp_path / name, form))
    scores = model.score(WANTED, None)
    assert scores.status == STATUS
    found = rows_of(model, scores)
    assert len(found) == len(EXPECTED)
    assert all(any(row == expected for row in found) for expected in EXPECTED)
    assert scores.effects.variants.tolist() == sorted(scores.effects.variants)


def test_reasons_say_what_is_wrong(tmp_path):
    scores = load(write(tmp_path / "t.tsv", PLAIN)).score(WANTED, None)
    assert "REF and ALT exchanged" in scores.reason[2]
    assert scores.reason[3] == "the table does not have this variant"
    assert [bool(reason) for reason in scores.reason] == [word != "ok" for word in STATUS]


def test_tracks_and_scorers_can_be_chosen(tmp_path):
    model = load(write(tmp_path / "t.tsv", PLAIN), tracks="^blood", scorers="lf")
    assert [track.name for track in model.spec.tracks] == ["blood"]
    assert [score.name for score in model.scores] == ["lfc"]
    scores = model.score(WANTED, None)
    assert scores.status == ["ok", "no_score", "alleles_exchanged", "not_in_table", *["no_score"] * 3]
    assert scores.effects.values.tolist() == [pytest.approx(0.1)]


def test_tracks_of_both_strands_are_told_apart(tmp_path):
    frame = pd.concat([tidy(PLAIN[:1]).assign(track_strand=strand) for strand in "+-."])
    model = load(write(tmp_path / "t.tsv", frame.assign(raw_score=[1.0, 2.0, 3.0])))
    names = {track.name for track in model.spec.tracks}
    assert names == {"liver +", "liver -", "liver"}
    assert {track.group for track in model.spec.tracks} == {"RNA_SEQ"}
    found = rows_of(model, model.score(WANTED[:1], None))
    assert {row[2]: row[4] for row in found} == {"liver +": 1.0, "liver -": 2.0, "liver": 3.0}


def test_of_several_rows_for_one_thing_the_largest_counts_and_says_so(tmp_path):
    frame = pd.concat([PLAIN[:1].assign(value=value, quantile=None) for value in (0.2, -0.9, 0.4)])
    model = load(write(tmp_path / "t.parquet", frame))
    assert rows_of(model, model.score(WANTED[:1], None)) == [(0, "lfc", "liver", "ENSG01", -0.9, "largest of 3 rows")]


def test_missing_and_infinite_values_are_no_scores(tmp_path):
    for value in (np.nan, np.inf):
        scores = load(write(tmp_path / "t.tsv", PLAIN[:1].assign(value=value))).score(WANTED[:1], None)
        assert scores.status == ["no_score"]
        assert len(scores.effects.values) == 0


def test_only_row_groups_near_the_variants_are_read(tmp_path, monkeypatch):
    n = 400
    frame = pd.DataFrame(
        {
            "chromosome": np.repeat(["chr1", "chr10", "chr2"], [150, 150, 100]),
            "position": np.concatenate([np.arange(150), np.arange(150), np.arange(100)]) * 10 + 5,
            "ref": "A",
            "alt": "G",
            "track": "t",
            "scorer": "s",
            "value": np.arange(n, dtype=float),
        }
    )
    path = tmp_path / "big.parquet"
    frame.to_parquet(path, row_group_size=50)
    model = load(path)
    read = []
    near = score_table._near

    def watched(*arguments):
        parts = near(*arguments)
        read.extend(group.id for part in parts for group in part.row_groups)
        return parts

    monkeypatch.setattr(score_table, "_near", watched)
    wanted = variant_table(("10", 605, "A", "G"), ("2", 995, "A", "G"), ("1", 2, "A", "G"))
    scores = model.score(wanted, None)
    assert scores.effects.values.tolist() == [150 + 60, 300 + 99]
    assert scores.status == ["ok", "ok", "not_in_table"]
    assert read == [4, 7]


def test_a_folder_of_files_is_one_table(tmp_path):
    folder = tmp_path / "table"
    folder.mkdir()
    for name, rows in PLAIN.groupby("chromosome"):
        write(folder / f"{name}.parquet", rows.assign(gene_id=rows["gene_id"].astype("string")))
    assert load(folder).score(WANTED, None).status == STATUS


def test_the_answer_does_not_depend_on_order_or_company(tmp_path):
    model = load(write(tmp_path / "t.parquet", PLAIN))
    order = [5, 0, 3, 6, 2, 1, 4]
    scores = model.score(WANTED.iloc[order], None)
    assert scores.status == [STATUS[v] for v in order]
    assert model.score(WANTED.iloc[[4]], None).effects.values.tolist() == [pytest.approx(0.25)]
    assert model.score(WANTED.iloc[:0], None).status == []


@pytest.mark.parametrize(
    ("frame", "row", "message"),
    [
        (PLAIN.drop(columns="value"), {}, "no column value"),
        (PLAIN.drop(columns="ref"), {}, "no column variant .or chromosome"),
        (PLAIN, {"tracks": "kidney"}, "kidney"),
        (PLAIN, {"scorers": "sad"}, "sad"),
        (PLAIN.assign(position="far"), {}, "cannot be read"),
    ],
)
def test_tables_that_cannot_be_used_are_refused(tmp_path, frame, row, message):
    with pytest.raises(InputError, match=message):
        load(write(tmp_path / "t.tsv", frame), **row)


def test_missing_and_damaged_files_are_named(tmp_path):
    with pytest.raises(InputError, match="no such table"):
        load(tmp_path / "none.tsv")
    (tmp_path / "bad.parquet").write_bytes(b"not parquet")
    with pytest.raises(InputError, match="cannot be read"):
        load(tmp_path / "bad.parquet")


def test_arrow_is_asked_for_the_needed_columns_only(tmp_path):
    model = load(write(tmp_path / "t.tsv", tidy(PLAIN)))
    assert isinstance(model.table, pa.dataset.InMemoryDataset)
    assert "scored_interval" not in model.table.schema.names
