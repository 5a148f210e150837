import importlib.util
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from sequence_toys import ROOT, ToyGenome, random_sequence, random_variants, variant_table

from locus2target.core.errors import InputError
from locus2target.sequence.backends import Sources
from locus2target.sequence.external import load_external
from locus2target.sequence.language import load_language_model
from locus2target.sequence.model_row import ModelRow

EVO2_CLIENT = ROOT / "workflow" / "scripts" / "external" / "evo2_score.py"
GENOME = random_sequence(300, seed=2)
CODES = np.random.default_rng(0).integers(0, 4, size=(6, 20)).astype(np.uint8)

STAND_IN = """
import csv, sys
asked, answered = sys.argv[-2:]
rows = list(csv.DictReader(open(asked), delimiter="\\t"))
value = lambda text: sum((i + 1) * "ACGTN".index(base) for i, base in enumerate(text)) / 7
table = [(row["id"], repr(value(row["sequence"]))) for row in rows]
{change}
with open(answered, "w") as stream:
    stream.write("id\\tlog_likelihood\\n" + "".join(f"{{i}}\\t{{v}}\\n" for i, v in table))
"""


def write_program(folder, change="", **settings):
    """The JSON file of a program that scores sequences by a formula, then does what `change` says."""
    (folder / "program.py").write_text(STAND_IN.format(change=change))
    values = {"command": [sys.executable, "program.py"], "kind": "causal_lm", "window_bp": 48, "files": ["program.py"]}
    path = folder / "model.json"
    path.write_text(json.dumps({key: value for key, value in (values | settings).items() if value is not None}))
    return path


def expected(codes):
    return (codes * np.arange(1, codes.shape[1] + 1)).sum(axis=1) / 7


def test_the_program_scores_sequences_in_whatever_order_it_writes_them(tmp_path):
    model = load_external(write_program(tmp_path, "table = table[::-1]"))
    assert model.log_likelihood(CODES) == pytest.approx(expected(CODES))


def test_variants_are_scored_through_the_program(tmp_path):
    row = ModelRow("outside", "external", (write_program(tmp_path),), scorers="causal_delta@mean", strands=2)
    model = load_language_model(row, device=torch.device("cpu"), batch_size=1)
    assert model.spec.window.length == 48
    genome, variants = ToyGenome({"1": GENOME}), random_variants(GENOME, 10)
    scores = model.score(variants, Sources(genome.fetch, genome.lengths))
    assert set(scores.status) == {"ok"}
    for value, (position, ref, alt) in zip(
        scores.effects.values, variants[["position", "ref", "alt"]].itertuples(index=False), strict=True
    ):
        left, right = GENOME[position - 25 : position - 1], GENOME[position - 1 + len(ref) :]
        ends = []
        for allele in (ref, alt):
            codes = np.array([["ACGT".index(base) for base in (left + allele + right)[:48]]])
            ends.append((expected(codes) + expected(3 - codes[:, ::-1])) / 2)
        assert value == pytest.approx((ends[1] - ends[0])[0] / 48, rel=1e-5, abs=1e-6)


def test_the_program_starts_once_for_all_scores_strands_shifts_and_variants(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "locus2target.sequence.language._CHUNK_BASES", 200
    )  # of other models, whose windows come in parts
    note = "open('starts', 'a').write(str(len(table)) + '\\n')"
    paths = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        paths.append(write_program(tmp_path / name, note))
    settings = {"scorers": "causal_delta,causal_delta@mean", "strands": 2, "shifts": (-3, 0, 3)}
    genome, variants = ToyGenome({"1": GENOME}), random_variants(GENOME, 12)
    sources = Sources(genome.fetch, genome.lengths)
    model = load_language_model(
        ModelRow("x", "external", tuple(paths), **settings), device=torch.device("cpu"), batch_size=1
    )
    together = model.score(variants, sources)
    counts = [(path.parent / "starts").read_text().split() for path in paths]
    assert [len(count) for count in counts] == [1, 1]
    assert int(counts[0][0]) <= 12 * 2 * 2 * 3
    alone = [model.score(variants.iloc[[row]], sources) for row in range(len(variants))]
    for row, scores in enumerate(alone):
        kept = together.effects.variants == row
        np.testing.assert_array_equal(together.effects.values[kept], scores.effects.values)
    sums, means = (together.effects.values[together.effects.scores == score] for score in (0, 1))
    np.testing.assert_allclose(sums / 48, means, rtol=1e-5)


def test_the_sheet_may_say_the_window(tmp_path):
    path = write_program(tmp_path, window_bp=None)
    device = torch.device("cpu")
    row = ModelRow("outside", "external", (path,), window_bp=40)
    assert load_language_model(row, device=device, batch_size=1).spec.window.length == 40
    with pytest.raises(InputError, match="Set window_bp in the models sheet"):
        load_language_model(ModelRow("outside", "external", (path,)), device=device, batch_size=1)


def test_haplotypes_with_unequal_unknown_bases_are_not_compared(tmp_path):
    """The deletion draws the unknown bases behind base 150 into the window; the base change does not."""
    sequence = GENOME[:150] + "N" * 150
    genome = ToyGenome({"1": sequence})
    ref = sequence[127:131]
    other = "A" if ref[0] != "A" else "C"
    variants = variant_table(("1", 128, ref, ref[0]), ("1", 128, ref[0], other))
    row = ModelRow("outside", "external", (write_program(tmp_path),))
    model = load_language_model(row, device=torch.device("cpu"), batch_size=1)
    scores = model.score(variants, Sources(genome.fetch, genome.lengths))
    assert scores.status == ["no_score", "ok"]
    assert "unknown bases" in scores.reason[0]


def test_nan_is_a_sequence_without_a_score(tmp_path):
    model = load_external(write_program(tmp_path, "table[2] = (table[2][0], 'nan')"))
    assert np.flatnonzero(np.isnan(model.log_likelihood(CODES))).tolist() == [2]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("table.pop()", "of 6 ids 1 are missing, unknown or repeated, for example w5"),
        ("table.append(table[0])", "for example w0"),
        ("table.append(('w9', '1'))", "for example w9"),
        ("table[0] = ('w0', 'high')", "not a number .*high"),
        ("print('out of memory'); sys.exit(3)", "ended with status 3; its output ends with:\nout of memory"),
        ("raise ValueError('no such layer')", "ValueError: no such layer"),
        ("sys.exit(0)", "wrote no table"),
        ("open(answered, 'w').close(); sys.exit(0)", "cannot be read"),
        ("open(answered, 'w').write('id\\tscore\\n'); sys.exit(0)", "not id and log_likelihood"),
    ],
)
def test_a_program_that_fails_is_shown_with_what_it_said(tmp_path, change, message):
    with pytest.raises(InputError, match=message):
        load_external(write_program(tmp_path, change)).log_likelihood(CODES)


def test_a_program_that_takes_too_long_is_ended_with_all_that_it_started(tmp_path):
    child = f"import os, time; open({str(tmp_path / 'child')!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    change = f"import subprocess; subprocess.run([sys.executable, '-c', {child!r}])"
    model = load_external(write_program(tmp_path, change, timeout_min=0.03))
    started = time.monotonic()
    with pytest.raises(InputError, match=r"longer than 0\.03 minutes"):
        model.log_likelihood(CODES)
    assert time.monotonic() - started < 30
    written = tmp_path / "child"
    if written.exists():
        time.sleep(0.2)
        state = Path(f"/proc/{written.read_text()}/stat")
        assert not state.exists() or state.read_text().split()[2] == "Z"


def test_a_program_that_is_not_there_is_named(tmp_path):
    model = load_external(write_program(tmp_path, command=["/no/such/program"]))
    with pytest.raises(InputError, match="'/no/such/program' cannot be started"):
        model.log_likelihood(CODES)


def test_no_shell_reads_the_command(tmp_path):
    command = [sys.executable, "program.py", "; touch broken", "$(touch broken)"]
    load_external(write_program(tmp_path, command=command)).log_likelihood(CODES)
    assert not (tmp_path / "broken").exists()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"command": "evo2 --model x"}, "no `command` that is a list"),
        ({"command": []}, "no `command` that is a list"),
        ({"kind": "track"}, "no `kind`"),
        ({"window_bp": 0}, "`window_bp` that is not a whole number above 0"),
        ({"window_bp": True}, "`window_bp` that is not"),
        ({"timeout_min": "1h"}, "`timeout_min` that is not a number"),
        ({"timeout": 3}, r"unknown key \['timeout'\]"),
        ({"files": ["weights.pt"]}, "weights.pt, which is not there"),
    ],
)
def test_settings_that_make_no_sense_are_refused(tmp_path, settings, message):
    with pytest.raises(InputError, match=message):
        load_external(write_program(tmp_path, **settings))


def test_editing_the_program_changes_the_checksum(tmp_path):
    path = write_program(tmp_path)
    before = load_external(path).info.weights_sha256
    (tmp_path / "program.py").write_text("# another")
    assert load_external(path).info.weights_sha256 != before


FAKE_EVO2 = '''
"""Logits depend on the token before and on the place."""
import torch


class Tokenizer:
    def tokenize(self, text):
        return list(text.encode())


class Evo2:
    def __init__(self, name, local_path=None):
        assert (name, local_path) == ("evo2_7b", "weights.pt")
        self.tokenizer = Tokenizer()
        self.table = torch.randn(128, 128, generator=torch.Generator().manual_seed(0))

    def __call__(self, tokens):
        assert tokens.dtype == torch.int32
        place = torch.arange(tokens.shape[1])[:, None] / 100 * torch.arange(128) % 1
        return (self.table[tokens.long()] + place, None), None
'''


def test_the_evo2_client_sums_next_base_terms_of_sequences_of_any_length(tmp_path):
    (tmp_path / "evo2.py").write_text(FAKE_EVO2)
    sequences = {"a": "ACGTNACG", "b": "TTT", "c": "GATTACAG", "d": "CCG"}
    table = "".join(f"{name}\t{sequence}\n" for name, sequence in sequences.items())
    (tmp_path / "in.tsv").write_text("id\tsequence\n" + table)
    command = [sys.executable, EVO2_CLIENT, "--weights", "weights.pt", "--device", "cpu", "--batch-size", "2"]
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    subprocess.run([*command, "in.tsv", "out.tsv"], cwd=tmp_path, env=environment, check=True)
    found = dict(line.split("\t") for line in (tmp_path / "out.tsv").read_text().splitlines()[1:])
    spec = importlib.util.spec_from_file_location("fake_evo2", tmp_path / "evo2.py")
    fake = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fake)
    model = fake.Evo2("evo2_7b", "weights.pt")
    for name, sequence in sequences.items():
        ids = model.tokenizer.tokenize(sequence)
        logits = model(torch.tensor([ids], dtype=torch.int32))[0][0][0].double().numpy()
        total = 0.0
        for i in range(1, len(ids)):
            if sequence[i] != "N":
                total += logits[i - 1, ids[i]] - np.log(np.exp(logits[i - 1]).sum())
        assert float(found[name]) == pytest.approx(total, rel=1e-9)
