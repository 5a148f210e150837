"""Toy genomes, motif banks and variant tables for the sequence tests."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch

from locus2target.sequence.backends import Score, Sources
from locus2target.sequence.model_row import ModelRow
from locus2target.sequence.motif import load_motif_model
from locus2target.sequence.scoring import Scoring, largest_effects, largest_values

torch.set_num_threads(1)  # as in a job of one thread; with more, tests that run side by side wait for each other

ROOT = Path(__file__).parents[3]
BANK = ROOT / "resources" / "motifs" / "jaspar2026_core_vertebrates.npz"


SILENT_ZERO = Score("score", "largest", "", "", "nothing changes", silent_value=0.0)


class ToyGenome:
    """Sequence by chromosome, N elsewhere; counts how often it is read."""

    def __init__(self, sequences):
        self.sequences = sequences
        self.reads = 0

    @property
    def lengths(self):
        return {name: len(sequence) for name, sequence in self.sequences.items()}

    @property
    def sources(self):
        return Sources(self.fetch, self.lengths)

    def fetch(self, chromosome, start, end):
        self.reads += 1
        sequence = self.sequences.get(chromosome, "")
        return "".join(sequence[i] if 0 <= i < len(sequence) else "N" for i in range(start, end))


def random_sequence(length, seed=0):
    return "".join(np.random.default_rng(seed).choice(list("ACGT"), size=length))


def variant_table(*rows):
    frame = pd.DataFrame(rows, columns=["chromosome", "position", "ref", "alt"])
    return frame.astype({"chromosome": str, "position": np.int64, "ref": str, "alt": str})


def random_variants(sequence, n, seed=0, chromosome="1"):
    """Single-base changes, insertions, deletions and blocks whose REF agrees with the sequence."""
    generator = np.random.default_rng(seed)
    rows = []
    for _ in range(n):
        position = int(generator.integers(60, len(sequence) - 60))
        ref = sequence[position - 1 : position - 1 + int(generator.choice([1, 1, 1, 2, 5]))]
        alt = "".join(generator.choice(list("ACGT"), size=int(generator.choice([1, 1, 1, 2, 4]))))
        if ref != alt:
            rows.append((chromosome, position, ref, alt))
    return variant_table(*rows)


def consensus_counts(word, sites=100):
    """Counts of a motif that wants one word: 97 % of its sites show the base, 1 % each of the others."""
    return np.array([[0.97 * sites if base == letter else 0.01 * sites for letter in "ACGT"] for base in word])


def write_bank(path, matrices, names=None, families=None, **changes):
    """Write a bank of count matrices of shape (w, 4)."""
    names = [f"TF{i}" for i in range(len(matrices))] if names is None else names
    arrays = {
        "counts": np.concatenate(matrices).astype(np.float32),
        "widths": np.array([len(matrix) for matrix in matrices], dtype=np.int32),
        "ids": np.array([f"M{i}" for i in range(len(matrices))]),
        "names": np.array(names),
        "families": np.array(names if families is None else families),
        "title": np.array("toy"),
        "licence": np.array("none"),
        "citation": np.array("none"),
    }
    np.savez(path, **(arrays | changes))
    return path


def motif_model(path=BANK, *, motif_p=1e-4, window_bp=256, batch_size=256, model="motif"):
    row = ModelRow(model, "motif", (path,), window_bp=window_bp)
    return load_motif_model(row, device=torch.device("cpu"), batch_size=batch_size, motif_p=motif_p)


def scoring(model, genome, *, chunk=1_000_000, cache=None):
    return Scoring(model, genome.sources, chunk, cache)


def score(model, table, genome, **settings):
    return scoring(model, genome, **settings).score(table)


def largest(scores):
    """Value (0 where silent) and track (-1: none) of each variant's largest effect under the one score of the model."""
    return largest_values(scores, [SILENT_ZERO])[:, 0], scores.effects.at(largest_effects(scores, 1)[:, 0]).tracks
