import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from published_formats import targets_text

from locus2target.core.errors import InputError
from locus2target.sequence.tracks import (
    TrackTable,
    Untransform,
    find_targets,
    plain_tracks,
    read_targets,
    select_tracks,
)

# the six kinds of tracks of the published human Borzoi table: clip, clip_soft, scale, sum_stat
BORZOI_KINDS = [
    (128, 32, 2.0, "mean"),
    (768, 384, 0.3, "sum_sqrt"),
    (768, 384, 1.0, "sum"),
    (384, 96, 0.01, "sum"),
    (256, 64, 1.0, "sum"),
    (768, 384, 0.01, "sum_sqrt"),
]


def table_of(kinds, clip=True):
    frame = plain_tracks(len(kinds)).frame
    hard, frame["clip_soft"], frame["scale"], frame["sum_stat"] = map(list, zip(*kinds, strict=True))
    frame["clip"] = hard if clip else np.inf
    return TrackTable(frame)


def untransform(kinds, *, family, rescale=False, unclip=True):
    return Untransform(table_of(kinds), np.arange(len(kinds)), family=family, rescale=rescale, unclip=unclip)


def undone(values, kind, **settings):
    """Untransformed values of one track."""
    return untransform([kind], **settings)(torch.tensor([values], dtype=torch.float32))[0].tolist()


def squash_legacy(coverage, clip_soft, scale, sum_stat):
    """Forward transform of Borzoi's training data without the hard clip; plain numpy, float64."""
    x = coverage**0.75 if sum_stat == "sum_sqrt" else coverage
    x = np.where(x > clip_soft, clip_soft + np.sqrt(np.maximum(x - clip_soft, 0)), x)
    return x * scale


def squash_current(coverage, clip_soft, scale, sum_stat):
    """Forward transform of today's baskerville without the hard clip; plain numpy, float64."""
    x = coverage * scale
    if sum_stat.endswith("sqrt"):
        x = np.sqrt(1 + x) - 1
    elif sum_stat.endswith("exp75"):
        x = (1 + x) ** 0.75 - 1
    return np.where(x > clip_soft, clip_soft - 1 + np.sqrt(np.maximum(x - clip_soft + 1, 1)), x)


class TestGolden:
    def test_current_sqrt_is_undone_by_a_square_not_a_power_of_four_thirds(self):
        """sqrt(101) - 1 is 100 squashed; an exponent of 4/3 would make 20.7 of it, and 2,153 of 100,000."""
        squashed = [np.sqrt(101) - 1, np.sqrt(100_001) - 1]
        assert undone(squashed, (768, 384, 1.0, "sum_sqrt"), family="baskerville") == pytest.approx(
            [100, 1e5], rel=1e-6
        )

    def test_current_exp75_is_undone_by_a_power_of_four_thirds(self):
        squashed = [101**0.75 - 1, 100_001**0.75 - 1]
        kind = (1e9, 1e9, 1.0, "sum_exp75")
        assert undone(squashed, kind, family="baskerville") == pytest.approx([100, 1e5], rel=1e-6)

    def test_legacy_by_hand(self):
        # 16 -> 16^0.75 = 8 -> 0.3 * 8; 10,000 -> 1,000 -> 384 + sqrt(616) -> times 0.3
        squashed = [2.4, 0.3 * (384 + np.sqrt(616))]
        kind = (768, 384, 0.3, "sum_sqrt")
        assert undone(squashed, kind, family="borzoi_legacy") == pytest.approx([16, 10_000], rel=1e-6)
        rescaled = undone(squashed, kind, family="borzoi_legacy", rescale=True)
        assert rescaled == pytest.approx([4.8, 3_000], rel=1e-6)

    def test_recovered_legacy_rna_tops_out_where_the_hard_clip_was(self):
        """768 is the largest squashed value: 384 + 384^2 = 147,840 before the power; nothing lies beyond."""
        top = undone([768 * 0.01], (768, 384, 0.01, "sum_sqrt"), family="borzoi_legacy")
        assert top == pytest.approx([147_840 ** (4 / 3)], rel=1e-5)

    def test_current_scale_is_divided_out_only_when_asked(self):
        kind = (768, 384, 0.5, "sum")
        assert undone([3.0], kind, family="baskerville", rescale=True) == [3.0]
        assert undone([3.0], kind, family="baskerville", rescale=False) == [6.0]

    @pytest.mark.parametrize("family", ["borzoi_legacy", "baskerville"])
    def test_at_the_soft_clip_both_branches_agree(self, family):
        kind = (768, 384, 1.0, "sum")
        assert undone([384.0], kind, family=family) == [384.0]
        assert undone([384.0 + 2**-10], kind, family=family) == pytest.approx([384.0], rel=1e-5)

    def test_the_soft_clip_can_be_left_in_place(self):
        kind = (768, 384, 1.0, "sum")
        assert undone([500.0], kind, family="baskerville", unclip=False) == [500.0]
        assert undone([500.0], kind, family="baskerville") == [383.0 + 117.0**2]
        assert undone([500.0], kind, family="borzoi_legacy") == [384.0 + 116.0**2]

    def test_a_pseudocount_of_one_depends_on_the_scale(self):
        """logSED of a true +10 % on sums of 50, 500 and 5,000: kept at scale 1, hidden at scale 0.01."""
        ref = np.array([50.0, 500.0, 5_000.0])
        for scale, expected in [(1.0, [0.135, 0.137, 0.1375]), (0.01, [0.047, 0.116, 0.135])]:
            kind = (768, 1e9, scale, "sum")
            sums = [
                np.array(undone(list(squash_legacy(x, *kind[1:])), kind, family="borzoi_legacy", rescale=True))
                for x in (ref, 1.1 * ref)
            ]
            log_sed = np.log2(sums[1] + 1) - np.log2(sums[0] + 1)
            np.testing.assert_allclose(log_sed, expected, atol=6e-4)


coverages = st.lists(st.floats(0, 1e5, width=32), min_size=1, max_size=8)


class TestRoundTrip:
    @settings(max_examples=60, deadline=None)
    @given(coverage=coverages)
    def test_legacy(self, coverage):
        self.check(coverage, BORZOI_KINDS, squash_legacy, "borzoi_legacy")

    @settings(max_examples=60, deadline=None)
    @given(coverage=coverages)
    def test_current(self, coverage):
        kinds = [*BORZOI_KINDS, (768, 384, 0.3, "sum_exp75"), (768, np.inf, 2.0, "mean_sqrt"), (512, 512, 1.0, "avg")]
        self.check(coverage, kinds, squash_current, "baskerville")

    @staticmethod
    def check(coverage, kinds, squash, family):
        coverage = np.array(coverage)
        squashed = np.stack([squash(coverage, *kind[1:]) for kind in kinds])
        found = untransform(kinds, family=family)(torch.tensor(squashed, dtype=torch.float32))
        # float32 squashing costs digits where a soft clip is steep
        np.testing.assert_allclose(found, np.tile(coverage, (len(kinds), 1)), rtol=5e-5, atol=1e-4)
        scales = np.array([[kind[2]] for kind in kinds])
        rescaled = untransform(kinds, family=family, rescale=True)(torch.tensor(squashed, dtype=torch.float32))
        np.testing.assert_allclose(rescaled, scales * coverage, rtol=5e-5, atol=1e-4)


class TestUntransform:
    def test_rows_decide_which_parameters_a_track_gets(self):
        rows = np.array([5, 0, 1])
        prediction = 20 * torch.rand(2, 2, 3, 4, generator=torch.Generator().manual_seed(1))
        transform = Untransform(table_of(BORZOI_KINDS), rows, family="borzoi_legacy", rescale=False, unclip=True)
        found = transform(prediction)
        for place, row in enumerate(rows):
            alone = untransform([BORZOI_KINDS[row]], family="borzoi_legacy")
            expected = alone(prediction[:, :, place : place + 1])[:, :, 0]
            torch.testing.assert_close(found[:, :, place], expected, rtol=1e-6, atol=0)

    @pytest.mark.parametrize("family", ["none", "borzoi_legacy", "baskerville"])
    def test_the_prediction_is_left_as_it_was(self, family):
        prediction = torch.full((1, 6, 2), 500.0)
        found = untransform(BORZOI_KINDS, family=family)(prediction)
        assert (prediction == 500).all()
        assert (found.shape, found.dtype) == (prediction.shape, torch.float32)

    def test_family_none_is_the_identity_whatever_the_table_says(self):
        prediction = torch.rand(3, 1, 4)
        found = untransform([(8, 2, 0.1, "peak")], family="none", rescale=True)(prediction)
        assert torch.equal(found, prediction)

    @pytest.mark.parametrize(("family", "power"), [("borzoi_legacy", 4 / 3), ("baskerville", 2.0)])
    def test_small_coverage_keeps_its_digits(self, family, power):
        """Without cancellation: 1e-4 squashed comes back to seven digits."""
        kind = (768, 384, 1.0, "sum_sqrt")
        x = np.float32(1e-4)
        expected = float(x) ** power if family == "borzoi_legacy" else float(x) * (float(x) + 2)
        assert undone([x], kind, family=family) == pytest.approx([expected], rel=3e-7)

    @pytest.mark.parametrize("family", ["borzoi_legacy", "baskerville"])
    def test_gradients_are_right_and_finite_without_a_soft_clip(self, family):
        kinds = [(768, 1.5, 0.5, "sum_sqrt"), (768, np.inf, 2.0, "sum")]
        transform = untransform(kinds, family=family)
        prediction = torch.tensor([[0.3, 2.0], [0.0, 4.0]], dtype=torch.float64, requires_grad=True)
        assert torch.autograd.gradcheck(transform, prediction)

    @pytest.mark.parametrize(
        ("family", "sum_stat"), [("borzoi_legacy", "sum_exp75"), ("baskerville", "peak"), ("baskerville", "sum_log")]
    )
    def test_an_unknown_squashing_is_refused(self, family, sum_stat):
        with pytest.raises(
            InputError, match=rf"sum_stat '{sum_stat}' of track track_1 has no inverse in family {family}"
        ):
            untransform([(1, 1, 1, "sum"), (1, 1, 1, sum_stat)], family=family)

    def test_text_tells_the_switches(self):
        kinds = BORZOI_KINDS[:1]
        texts = {
            untransform(kinds, family=family, rescale=rescale, unclip=unclip).text
            for family in ("none", "borzoi_legacy", "baskerville")
            for rescale in (True, False)
            for unclip in (True, False)
        }
        assert len(texts) == 9
        assert "borzoi_legacy coverage, soft clip undone, track scale kept" in texts

    @pytest.mark.gpu
    @pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
    def test_cuda_gives_what_the_cpu_gives(self):
        for family in ("borzoi_legacy", "baskerville"):
            transform = untransform(BORZOI_KINDS, family=family)
            prediction = 700 * torch.rand(2, 6, 50)
            on_cpu = transform(prediction)
            assert torch.allclose(transform(prediction.cuda()).cpu(), on_cpu, rtol=1e-5)


ROWS = [
    {"identifier": "CAGE1+", "file": "a.w5", "clip": 768, "clip_soft": 384, "scale": 1.0, "sum_stat": "sum",
     "strand_pair": 1, "description": "CAGE:liver, pool1"},
    {"identifier": "CAGE1-", "file": "a.w5", "clip": 768, "clip_soft": 384, "scale": 1.0, "sum_stat": "sum",
     "strand_pair": 0, "description": "CAGE:liver, pool1"},
    {"identifier": "ENC2", "file": "b.w5", "clip": 128, "clip_soft": 32, "scale": 2.0, "sum_stat": "mean",
     "strand_pair": 2, "description": "DNASE:HepG2"},
]  # fmt: skip


def write_targets(tmp_path, rows=ROWS, *, without=(), labels=None):
    text = targets_text([{key: value for key, value in row.items() if key not in without} for row in rows])
    if labels is not None:
        head, *lines = text.splitlines()
        cells = (line.split("\t", 1)[1] for line in lines)
        text = "\n".join([head, *(f"{label}\t{rest}" for label, rest in zip(labels, cells, strict=True))]) + "\n"
    (tmp_path / "targets.txt").write_text(text)
    return tmp_path / "targets.txt"


class TestReadTargets:
    def test_all_columns(self, tmp_path):
        table = read_targets(write_targets(tmp_path))
        expected = {key: [row[key] for row in ROWS] for key in ROWS[0] if key != "file"}
        assert table.frame.to_dict("list") == expected
        assert table.frame["clip_soft"].dtype == np.float64
        assert table.strand_pair.dtype == np.int64

    def test_enformer_has_no_soft_clip_and_no_strands(self, tmp_path):
        table = read_targets(write_targets(tmp_path, without=["clip_soft", "strand_pair"]))
        assert np.isinf(table.frame["clip_soft"]).all()
        assert table.strand_pair.tolist() == [0, 1, 2]

    def test_only_identifiers(self, tmp_path):
        every = [key for key in ROWS[0] if key != "identifier"]
        table = read_targets(write_targets(tmp_path, without=every))
        plain = plain_tracks(3).frame.assign(identifier=["CAGE1+", "CAGE1-", "ENC2"])
        plain["description"] = plain["identifier"]
        assert table.frame.to_dict("list") == plain.to_dict("list")

    def test_strand_pair_names_labels_not_rows(self, tmp_path):
        rows = [ROWS[2] | {"strand_pair": 40}, ROWS[0] | {"strand_pair": 8}, ROWS[1] | {"strand_pair": 7}]
        table = read_targets(write_targets(tmp_path, rows, labels=[40, 7, 8]))
        assert table.strand_pair.tolist() == [0, 2, 1]

    def test_empty_cells_mean_not_done(self, tmp_path):
        rows = [ROWS[0], ROWS[1], ROWS[2] | {"clip_soft": "", "clip": "nan", "sum_stat": ""}]
        frame = read_targets(write_targets(tmp_path, rows)).frame
        assert frame.loc[2, ["clip", "clip_soft", "sum_stat"]].tolist() == [np.inf, np.inf, "sum"]

    def test_a_track_may_be_called_na(self, tmp_path):
        rows = [row | {"identifier": "NA", "description": "null"} for row in ROWS]
        assert read_targets(write_targets(tmp_path, rows)).frame["identifier"].tolist() == ["NA"] * 3

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"strand_pair": 9}, "strand_pair '9' of line '2' is not the label of a line that names this one"),
            ({"strand_pair": 0}, "strand_pair '0' of line '2'"),
            ({"clip_soft": "high"}, "clip_soft 'high' is no number"),
            ({"scale": 0}, "scale has values that are not positive"),
        ],
    )
    def test_bad_cells_are_named(self, tmp_path, change, message):
        with pytest.raises(InputError, match=message) as caught:
            read_targets(write_targets(tmp_path, [*ROWS[:2], ROWS[2] | change]))
        assert caught.value.where.endswith("targets.txt")

    def test_labels_that_occur_twice_cannot_pair(self, tmp_path):
        with pytest.raises(InputError, match="strand_pair"):
            read_targets(write_targets(tmp_path, labels=[0, 1, 1]))

    @pytest.mark.parametrize("text", ["", "index\tname\n0\ta\n", "\tidentifier\n", "\x00\x01"])
    def test_something_else(self, tmp_path, text):
        (tmp_path / "targets.txt").write_text(text)
        with pytest.raises(InputError, match=r"targets\.txt"):
            read_targets(tmp_path / "targets.txt")

    def test_missing(self, tmp_path):
        with pytest.raises(InputError, match="not a table of tracks"):
            read_targets(tmp_path / "targets.txt")


def test_the_nearest_table_is_found(tmp_path):
    folder = tmp_path / "f0"
    (folder / "hg38").mkdir(parents=True)
    assert find_targets(folder) is None
    for name in ("../targets.txt", "hg38/targets.txt", "targets.txt"):  # each nearer than the one before
        (folder / name).touch()
        assert find_targets(folder) == folder / name


class TestSelectTracks:
    @pytest.mark.parametrize(
        ("expression", "rows"),
        [
            ("all", [0, 1, 2]),
            (" all ", [0, 1, 2]),
            ("DNASE:", [2]),
            (r"^CAGE1\+ ", [0]),
            ("DNASE; pool1", [0, 1, 2]),
            ("DNASE;DNASE:HepG2$;", [2]),
            ("(?i)dnase", [2]),
            (r"^CAGE\d. CAGE:liver, pool1$", [0, 1]),
        ],
    )
    def test_regular_expressions_search_identifier_and_description(self, tmp_path, expression, rows):
        found = select_tracks(read_targets(write_targets(tmp_path)), expression)
        assert found.tolist() == rows
        assert found.dtype == np.int64

    @pytest.mark.parametrize(
        ("expression", "message"),
        [
            ("DNASE;RNA", "'RNA' finds no track; the first is 'CAGE1\\+ CAGE:liver, pool1'"),
            ("dnase", "finds no track"),
            ("CAGE(", "not a regular expression"),
            (" ; ", "no track is selected"),
            ("", "no track is selected"),
        ],
    )
    def test_a_part_that_finds_nothing_is_an_error(self, tmp_path, expression, message):
        with pytest.raises(InputError, match=message):
            select_tracks(read_targets(write_targets(tmp_path)), expression)


class TestStrands:
    def strands(self, identifiers, descriptions, mates):
        frame = plain_tracks(len(identifiers)).frame.assign(
            identifier=identifiers, description=descriptions, strand_pair=mates
        )
        return TrackTable(frame).strands.tolist()

    def test_the_identifier_ends_with_the_sign(self):
        identifiers = ["ENCFF1+", "ENCFF1-", "ENCFF2", "CD14+"]  # the last is a cell type, and has no mate
        assert self.strands(identifiers, ["RNA:liver"] * 4, [1, 0, 2, 3]) == ["+", "-", ".", "."]

    def test_else_the_description_does(self):
        assert self.strands(["a", "b"], ["RNA:liver -", "RNA:liver +"], [1, 0]) == ["-", "+"]

    def test_signs_that_are_not_opposite_say_nothing(self):
        assert self.strands(["a+", "b+"], ["RNA:CD4+", "RNA:CD4+"], [1, 0]) == ["?", "?"]
        assert self.strands(["a+", "b"], ["x+", "x-"], [1, 0]) == ["+", "-"]

    def test_tracks_without_a_table_have_none(self):
        assert plain_tracks(2).strands.tolist() == [".", "."]


def test_plain_tracks_are_not_squashed():
    table = plain_tracks(2)
    transform = Untransform(table, np.arange(2), family="baskerville", rescale=False, unclip=True)
    prediction = torch.tensor([[1e6], [0.25]])
    assert torch.equal(transform(prediction), prediction)
    assert table.frame["identifier"].tolist() == ["track_0", "track_1"]
