"""Windows and encodings: bases per second of what stands between the genome and a sequence model, on one thread.

One JSON line per figure, in processor time, which a busy machine does not blur. Windows of both haplotypes are cut,
edited and checked; sequences are made base codes and one-hot arrays. Peers in the same run: a numpy table look-up, and
the encoder of tangermeme, which is not part of the project (run this with a Python that has it:
`.venv-peers/bin/python`, with PYTHONPATH=workflow/scripts).
"""

import argparse
import json
import os
import sys
from pathlib import Path

if __name__ == "__main__":
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[variable] = "1"
sys.path.insert(0, str(Path(__file__).parents[1] / "workflow" / "scripts"))

import numpy as np
import pandas as pd
import torch

try:
    import tangermeme
    from tangermeme.utils import one_hot_encode

    PEER = f"tangermeme {tangermeme.__version__}"
except ImportError:
    PEER = None

from timing import seconds_of

from locus2target.sequence.encoding import encode, one_hot_tensor
from locus2target.sequence.windows import WindowSpec, extract_windows

REPEATS = 9
CODE_OF_BYTE = np.full(256, 4, dtype=np.uint8)
for code, base in enumerate("ACGT"):
    CODE_OF_BYTE[[ord(base), ord(base.lower())]] = code
COLUMN_OF_CODE = np.concatenate([np.eye(4, dtype=np.int8), np.zeros((1, 4), dtype=np.int8)])


def report(case, figure, value, peer, peer_value, note):
    """Print one line; rates, so that the ratio is how many times ours is faster."""
    line = {"benchmark": "windows", "case": case, "figure": figure, "value": round(value, 3), "unit": "Gbp/s"}
    ratio = round(value / peer_value, 1) if peer_value else None
    rounded = peer_value and round(peer_value, 3)
    print(json.dumps(line | {"peer": peer, "peer_value": rounded, "ratio": ratio, "note": note}), flush=True)


def random_bases(length):
    """A random sequence of ACGT."""
    codes = np.random.default_rng(0).integers(0, 4, length)
    return np.frombuffer(b"ACGT", dtype=np.uint8)[codes].tobytes().decode("ascii")


def table_windows(chromosome, starts, alts, length):
    """Windows of both alleles by numpy: a table look-up of every window's text, and the base exchanged."""
    text = np.frombuffer(chromosome.encode("ascii"), dtype=np.uint8)
    first = starts - length // 2
    ref = CODE_OF_BYTE[text[first[:, None] + np.arange(length)]]
    alt = ref.copy()
    alt[:, length // 2] = CODE_OF_BYTE[alts]
    return ref, alt


def measure_windows(length, variants, span):
    """Single-base variants spread over `span` bases: windows of both haplotypes as codes."""
    chromosome = random_bases(span + 3 * length)
    starts = np.sort(np.random.default_rng(1).integers(length, length + span, variants))
    refs = [chromosome[start] for start in starts]
    alts = ["ACGT"[("ACGT".index(ref) + 1) % 4] for ref in refs]
    table = pd.DataFrame({"chromosome": "1", "position": starts + 1, "ref": refs, "alt": alts})
    spec = WindowSpec(length, length // 2, 10)

    def fetch(_, start, end):
        return chromosome[start:end]

    bases = 2 * variants * length / 1e9
    ours = seconds_of(lambda: extract_windows(table, fetch, spec), REPEATS)
    letters = np.frombuffer("".join(alts).encode("ascii"), dtype=np.uint8)
    theirs = seconds_of(lambda: table_windows(chromosome, starts, letters, length), REPEATS)
    windows, plain = extract_windows(table, fetch, spec), table_windows(chromosome, starts, letters, length)
    if not (np.array_equal(windows.ref, plain[0]) and np.array_equal(windows.alt, plain[1])):
        raise RuntimeError("windows differ from those of the table look-up")
    note = (
        f"{variants} variants over {span} bases; ours with REF checks, indel-aware spans and statuses, "
        f"{ours / variants * 1e6:.2f} microseconds per variant; numpy without"
    )
    report(f"window of {length} bases", "REF and ALT to codes", bases / ours, "numpy", bases / theirs, note)


def measure_encoding(length):
    """One sequence to codes and to one-hot."""
    sequence = random_bases(length)
    bases, case = length / 1e9, f"sequence of {length} bases"
    ours = seconds_of(lambda: encode(sequence), REPEATS)
    theirs = seconds_of(lambda: CODE_OF_BYTE[np.frombuffer(sequence.encode("ascii"), dtype=np.uint8)], REPEATS)
    report(case, "text to codes", bases / ours, "numpy", bases / theirs, "")
    if PEER is not None:
        packed = seconds_of(lambda: one_hot_encode(sequence, return_packed=True), REPEATS)
        report(case, "text to codes", bases / ours, PEER, bases / packed, "peer: its packed sequence")
    for dtype in (torch.int8, torch.float32):
        measure_one_hot(sequence, dtype)


def measure_one_hot(sequence, dtype):
    """One sequence to one-hot on the CPU; on a GPU the codes travel and are made one-hot there."""
    kind = str(dtype).removeprefix("torch.")
    case, figure, bases = f"sequence of {len(sequence)} bases", f"text to one-hot, {kind}", len(sequence) / 1e9

    def by_codes():
        return one_hot_tensor(torch.from_numpy(encode(sequence))[None], dtype=dtype)

    def by_table():
        return columns[CODE_OF_BYTE[np.frombuffer(sequence.encode("ascii"), dtype=np.uint8)]]

    columns = COLUMN_OF_CODE.astype(kind)
    ours = bases / seconds_of(by_codes, REPEATS)
    report(case, figure, ours, "numpy", bases / seconds_of(by_table, REPEATS), "numpy: bases first, not transposed")
    if PEER is None:
        report(case, figure, ours, None, None, "tangermeme is not installed: run with .venv-peers/bin/python")
        return
    if not torch.equal(one_hot_encode(sequence, dtype=dtype), by_codes()[0]):
        raise RuntimeError("one-hot arrays differ")
    report(case, figure, ours, PEER, bases / seconds_of(lambda: one_hot_encode(sequence, dtype=dtype), REPEATS), "")


def main():
    """Run all of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tiny run, to see that it works")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.quick:
        measure_windows(256, 20, 5_000)
        measure_encoding(5_000)
        return
    measure_windows(256, 4_000, 1_000_000)
    measure_windows(2_114, 2_000, 1_000_000)
    measure_windows(524_288, 32, 200_000)
    measure_encoding(524_288)


if __name__ == "__main__":
    main()
