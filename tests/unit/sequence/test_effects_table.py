import pandas as pd
from sequence_toys import ToyGenome, score, variant_table
from test_pairs import counter

from locus2target.core.schemas import SCORE_BACKGROUND, VARIANT_EFFECTS
from locus2target.core.tables import read_table, write_table
from locus2target.sequence.effects_table import effects_table

GENOME = {"1": "AACCGGTTAACCGGTTAACCGGTTAACCGGTTAACC"}


def background(sizes):
    n = len(sizes)
    rows = {
        "model": "counter",
        "scorer": "largest_difference",
        "mask": "",
        "formula": "",
        "track": pd.Series([None] * n, dtype="str"),
        "probability": [(i + 1) / n for i in range(n)],
        "size": pd.Series(sizes, dtype="float32"),
        "n_variants": n,
        "model_sha256": "",
    }
    return pd.DataFrame(rows)


def table_of(tmp_path, sizes, **settings):
    variants = variant_table(("1", 28, "C", "T"), ("1", 17, "AA", "TT"), ("1", 18, "C", "G"), ("1", 17, "A", "A"))
    model = counter()
    scores = score(model, variants, ToyGenome(GENOME))
    sizes = background(sizes) if sizes else SCORE_BACKGROUND.empty()
    frame = effects_table(model, variants, scores, sizes, **({"tracks_per_score": None} | settings))
    write_table(frame, tmp_path / "effects.parquet", VARIANT_EFFECTS)
    return read_table(tmp_path / "effects.parquet", VARIANT_EFFECTS)


def test_one_largest_row_per_variant_in_their_order(tmp_path):
    frame = table_of(tmp_path, [0.0, 1.0, 1.0, 3.0])
    first = frame[frame["scorer"] == "largest_difference"]
    assert first["variant"].tolist() == ["1:28:C:T", "1:17:AA:TT", "1:18:C:G", "1:17:A:A"]
    assert first["status"].tolist() == ["ok", "ok", "ref_mismatch", "ok"]
    assert first["reason"].tolist() == ["", "", "REF is C, the genome has A", "no count changes"]
    assert first["value"].tolist()[:2] == [-1.0, -2.0]
    assert first["value"].isna().tolist() == [False, False, True, False]  # a refusal has no value ...
    assert first["value"].tolist()[3] == 0.0  # ... and no effect is zero
    assert first["background_quantile"].fillna(-1).tolist() == [0.25, -1, -1, 0.0]  # single-base changes only
    assert first["window_offset"].fillna(-1).tolist() == [0, 0, -1, 0]
    own = frame[frame["scorer"] == "difference"]
    assert own[["variant", "track", "track_group", "value", "detail"]].to_numpy().tolist() == [
        ["1:28:C:T", "C", "pyrimidine", -1.0, "base 1"],
        ["1:28:C:T", "T", "pyrimidine", 1.0, "base 3"],
        ["1:17:AA:TT", "A", "purine", -2.0, "base 0"],
        ["1:17:AA:TT", "T", "pyrimidine", 2.0, "base 3"],
    ]
    assert own["background_quantile"].isna().all()  # no background of single tracks


def test_without_a_background_there_are_no_quantiles(tmp_path):
    assert table_of(tmp_path, [])["background_quantile"].isna().all()


def test_effects_beyond_the_limit_are_counted(tmp_path):
    frame = table_of(tmp_path, [], tracks_per_score=1)
    assert (frame["scorer"] == "difference").sum() == 2
    details = frame.loc[frame["scorer"] == "largest_difference", "detail"]
    unlisted = "1 smaller effects have no row"
    assert details.fillna("").tolist() == [f"base 1; {unlisted}", f"base 0; {unlisted}", "", ""]


def test_no_variants_give_an_empty_table():
    scores = score(counter(), variant_table(), ToyGenome({}))
    table = effects_table(counter(), variant_table(), scores, SCORE_BACKGROUND.empty(), tracks_per_score=None)
    assert table.empty
