"""Motif scores: single-base variants times motifs per second, on one thread.

One JSON line per figure, in processor time, which a busy machine does not blur: the whole way from variants to effects,
and the two parts of it that cost most. The peer is a look-up of every word's score by numpy, one motif and strand after
the other; its best scores are compared first.
"""

import argparse
import json
import os
import sys
from pathlib import Path

if __name__ == "__main__":
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[variable] = "1"
ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

import numpy as np
import pandas as pd
import torch
from timing import seconds_of

from locus2target.sequence.backends import Sources
from locus2target.sequence.model_row import ModelRow
from locus2target.sequence.motif import load_motif_model
from locus2target.sequence.motif_bank import read_motif_bank, score_matrix
from locus2target.sequence.windows import extract_windows

BANK = ROOT / "resources" / "motifs" / "jaspar2026_core_vertebrates.npz"
REPEATS = 5


def report(figure, value, peer, peer_value, note):
    """Print one line; rates, so that the ratio is how many times ours is faster."""
    line = {"benchmark": "motifs", "case": "single-base variants, JASPAR 2026 vertebrates", "figure": figure}
    numbers = {"value": round(value), "unit": "variant-motif pairs/s", "peer": peer}
    rounded = peer_value and round(peer_value)
    ratio = round(value / peer_value, 1) if peer_value else None
    print(json.dumps(line | numbers | {"peer_value": rounded, "ratio": ratio, "note": note}), flush=True)


def random_variants(n):
    """Single-base variants on one chromosome, and access to it."""
    generator = np.random.default_rng(0)
    codes = generator.integers(0, 4, 2_000_000)
    chromosome = np.frombuffer(b"ACGT", dtype=np.uint8)[codes].tobytes().decode("ascii")
    starts = np.sort(generator.choice(np.arange(1_000, len(codes) - 1_000), n, replace=False))
    refs = [chromosome[start] for start in starts]
    alts = ["ACGT"[("ACGT".index(ref) + 1) % 4] for ref in refs]
    table = pd.DataFrame({"chromosome": "1", "position": starts + 1, "ref": refs, "alt": alts})
    return table, Sources(lambda _, start, end: chromosome[start:end], {"1": len(chromosome)})


def best_by_lookup(codes, center, matrices):
    """Best score of each motif over both strands of the words that overlap a base, int64 (B, M)."""
    best = np.empty((len(codes), len(matrices)), dtype=np.int64)
    for m, matrix in enumerate(matrices):
        width = len(matrix)
        places = center - width + 1 + np.arange(width)[:, None] + np.arange(width)  # (words, w)
        words = codes[:, places]
        both = [table[np.arange(width), words].sum(2) for table in (matrix, matrix[::-1, ::-1])]
        best[:, m] = np.maximum(*both).max(1)
    return best


def main():
    """Run all of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tiny run, to see that it works")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    variants, sources = random_variants(20 if arguments.quick else 2_000)
    batch = 256
    row = ModelRow("motif", "motif", (BANK,), window_bp=256)
    model = load_motif_model(row, device=torch.device("cpu"), batch_size=batch, motif_p=1e-4)
    motifs, center = len(model.spec.tracks), model.spec.window.center_offset
    pairs = len(variants) * motifs

    some = extract_windows(variants.iloc[: batch // 2], sources.fetch, model.spec.window)
    codes, spans = torch.from_numpy(some.ref), torch.from_numpy(some.ref_spans)
    alt = torch.from_numpy(some.alt)
    matrices = [score_matrix(counts) for counts in read_motif_bank(BANK).counts]
    prediction = model.backend.predict(codes, spans)
    if not np.array_equal(prediction.score.numpy(), best_by_lookup(some.ref, center, matrices)):
        raise RuntimeError("best scores differ from those of the look-up")

    both = len(codes) * motifs
    looked_up = 2 * seconds_of(lambda: best_by_lookup(some.ref, center, matrices), REPEATS)
    predicted = seconds_of(lambda: (model.backend.predict(codes, spans), model.backend.predict(alt, spans)), REPEATS)
    changed = model.backend.predict(alt, spans)
    scored = seconds_of(lambda: model.scorer.effects(prediction, changed), REPEATS)
    whole = seconds_of(lambda: model.score(variants, sources), REPEATS)
    note = f"{motifs} motifs, batches of {batch} windows; numpy: best scores alone"
    report("variants to effects", pairs / whole, "numpy", both / looked_up, note)
    report("prediction of both haplotypes", both / predicted, "numpy", both / looked_up, note)
    report("effects of predictions", both / scored, None, None, note)


if __name__ == "__main__":
    main()
