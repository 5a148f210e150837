import importlib.util
import json
import subprocess
import sys
from itertools import product

import numpy as np
import pandas as pd
import pytest
from environment import STARTED_WITH
from scipy.stats import spearmanr
from sequence_toys import ROOT, random_sequence
from threadpoolctl import threadpool_limits


def load_benchmark():
    spec = importlib.util.spec_from_file_location("mpra", ROOT / "benchmarks" / "mpra.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["mpra"] = module
    spec.loader.exec_module(module)
    return module


mpra = load_benchmark()
# C and D are two assays of one locus
SPANS = {"A": ("1", 101), "B": ("1", 5001), "C": ("2", 901), "D": ("2", 901), "E": ("X", 301)}
LENGTH = 150


def complement(word):
    return word.translate(str.maketrans("ACGT", "TGCA"))[::-1]


def number(word):
    return sum("ACGT".index(base) * 4**power for power, base in enumerate(reversed(word)))


def words(sequence, word):
    return sum(sequence[i : i + len(word)] in {word, complement(word)} for i in range(len(sequence)))


def write_data(folder, effect):
    """Made-up assays of every change in five elements; `effect` gives that of REF and ALT element."""
    folder.mkdir()
    rows, lines = [], []
    for element, (chromosome, first) in SPANS.items():
        sequence = random_sequence(LENGTH, seed=first)
        lines.append(f">{element} GRCh37 {chromosome}:{first}-{first + LENGTH - 1}\n{sequence}\n")
        for i, ref in enumerate(sequence):
            for alt in "ACGT-".replace(ref, ""):
                value = effect(sequence, sequence[:i] + alt.replace("-", "") + sequence[i + 1 :])
                barcodes = 5 if i == 75 else 100
                p_value = 1e-9 if abs(value) > 0.5 else 0.5
                rows.append((chromosome, first + i, ref, alt, barcodes, 1, 1, value, p_value, element))
    columns = ["Chrom", "Pos", "Ref", "Alt", "Barcodes", "DNA", "RNA", "Coefficient", "pValue", "Element"]
    pd.DataFrame(rows, columns=columns).to_csv(folder / "satmut_mpra.GRCh37.tsv.gz", sep="\t", index=False)
    (folder / "elements.GRCh37.fa").write_text("".join(lines))
    return folder


def gc(sequence):
    return float(sequence.count("G") + sequence.count("C"))


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    noise = np.random.default_rng(1)
    folder = tmp_path_factory.mktemp("mpra") / "planted"
    return write_data(folder, lambda ref, alt: gc(alt) - gc(ref) + 0.1 * noise.normal())


def test_assays_keep_substitutions_with_enough_barcodes_and_their_context(planted):
    table = mpra.read_assays(planted, every=1).table
    assert len(table) == len(SPANS) * (LENGTH - 1) * 3
    assert dict(zip(table["element"], table["locus"], strict=True)) == {
        "A": "A",
        "B": "B",
        "C": "C",
        "D": "C",
        "E": "E",
    }
    row = table[(table["element"] == "B") & (table["position"] == 5021)].iloc[0]
    sequence = random_sequence(LENGTH, seed=5001)
    assert (row["ref"], row["context"]) == (sequence[20], sequence[16:25])
    assert table["context"].iloc[0].startswith("NNNN")


def test_kmer_changes_are_those_of_counted_words(planted):
    table = mpra.read_assays(planted, every=7).table
    changes = mpra.kmer_changes(table).toarray()
    sequence = random_sequence(LENGTH, seed=901)
    canonical = sorted(
        {min(number(word), number(complement(word))) for word in map("".join, product("ACGT", repeat=mpra.K))}
    )
    for v in np.flatnonzero(table["element"] == "C"):
        i = table["position"][v] - 901
        mutated = sequence[:i] + table["alt"][v] + sequence[i + 1 :]
        word = sequence[i : i + mpra.K]
        if len(word) == mpra.K:
            column = canonical.index(min(number(word), number(complement(word))))
            assert changes[v, column] == words(mutated, word) - words(sequence, word)


def test_kmers_learn_what_other_loci_share_and_never_see_their_own(planted, tmp_path):
    shared = mpra.read_assays(planted, every=1).table
    with threadpool_limits(1):  # as the program does
        predicted = mpra.kmer_scores(shared)
    assert spearmanr(predicted, shared["effect"])[0] > 0.8
    generator = np.random.default_rng(0)
    own = {}  # the same noise in both assays of a locus: only one that saw the other could predict it

    def noise(ref, alt):
        return own.setdefault((ref, alt), float(generator.normal()))

    private = mpra.read_assays(write_data(tmp_path / "private", noise), every=1).table
    with threadpool_limits(1):
        predicted = mpra.kmer_scores(private)
    assert abs(spearmanr(predicted, private["effect"])[0]) < 0.1


def test_intervals_draw_positions_whole():
    generator = np.random.default_rng(0)
    positions = np.repeat(generator.permutation(60), 3)
    x = np.repeat(generator.normal(size=60), 3)
    y = x + np.repeat(generator.normal(size=60), 3)
    low, high = mpra.interval(x, y, positions, 400, generator)
    each = mpra.interval(x, y, np.arange(180), 400, generator)
    assert low < spearmanr(x, y)[0] < high
    assert high - low > 1.4 * (each[1] - each[0])  # a third of the independent values: root 3 wider


def test_quick_run_prints_every_figure(planted):
    command = [sys.executable, str(ROOT / "benchmarks/mpra.py"), "--quick", "--data", str(planted)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, env=STARTED_WITH)
    assert done.returncode == 0, done.stderr[-3000:]
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    models = {"motif_jaspar2026", mpra.KMERS}
    assert {line["model"] for line in lines} >= models
    for model in models:
        cases = [line["case"] for line in lines if (line["model"], line["figure"]) == (model, "Spearman, size")]
        assert sorted(cases) == [*"ABCDE", "mean over loci"]
    means = [line for line in lines if line["case"] == "mean over loci" and line["model"] == mpra.KMERS]
    assert all(line["n"] == 4 and 0 <= line["p"] <= 1 for line in means)
