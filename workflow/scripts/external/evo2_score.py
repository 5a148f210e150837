"""Log-likelihoods of sequences under Evo 2, for backend `external` of the models sheet.

Runs in Evo 2's own environment (github.com/ArcInstitute/evo2), which needs neither locus2target nor its packages::

    python evo2_score.py --model evo2_7b --weights /models/evo2_7b.pt sequences.tsv scores.tsv

The sum of ln p(base | bases before it) is taken in float64 from the logits. Sequences of equal length are scored
together and none is padded: a shorter sequence that is padded in a batch would otherwise gain a term of the padding.
"""

import argparse
import csv
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def main() -> None:
    """Score the sequences of a table."""
    arguments = parse_arguments()
    os.environ.setdefault("HF_HUB_OFFLINE", "1")  # weights are fetched by people, not by jobs
    from evo2 import Evo2

    weights = None if arguments.weights is None else str(arguments.weights)
    model = Evo2(arguments.model, local_path=weights)
    with arguments.sequences.open(newline="") as stream:
        sequences = {row["id"]: row["sequence"] for row in csv.DictReader(stream, delimiter="\t")}
    with arguments.scores.open("w", newline="") as stream:
        writer = csv.writer(stream, delimiter="\t", lineterminator="\n")
        writer.writerow(["id", "log_likelihood"])
        for ids in batches_of_equal_length(sequences, arguments.batch_size):
            values = log_likelihoods(model, [sequences[name] for name in ids], arguments.device)
            writer.writerows((name, repr(value)) for name, value in zip(ids, values, strict=True))


def parse_arguments() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="evo2_7b", help="name of the checkpoint")
    parser.add_argument("--weights", type=Path, help="its merged .pt file; the Hugging Face cache when left out")
    parser.add_argument("--batch-size", type=int, default=1, help="sequences in one forward pass")
    parser.add_argument("--device", default="cuda:0", help="device of the first layer")
    parser.add_argument("sequences", type=Path, help="table with the columns id and sequence")
    parser.add_argument("scores", type=Path, help="table to write, with the columns id and log_likelihood")
    return parser.parse_args()


def batches_of_equal_length(sequences: dict[str, str], size: int) -> Iterator[list[str]]:
    """Ids of at most `size` sequences that have the same length."""
    by_length: dict[int, list[str]] = {}
    for name, sequence in sequences.items():
        by_length.setdefault(len(sequence), []).append(name)
    for names in by_length.values():
        yield from (names[start : start + size] for start in range(0, len(names), size))


def log_likelihoods(model: Any, sequences: list[str], device: str) -> list[float]:
    """Sum of ln p(base | bases before it) of sequences of one length; unknown bases have no term."""
    import torch

    tokens = torch.tensor([list(model.tokenizer.tokenize(sequence)) for sequence in sequences], dtype=torch.int64)
    with torch.inference_mode():
        outputs, _ = model(tokens.to(device=device, dtype=torch.int32))
        sums = []
        for logits, ids, sequence in zip(outputs[0], tokens, sequences, strict=True):
            log_p = logits[:-1].double().log_softmax(dim=-1).cpu()
            terms = log_p.gather(-1, ids[1:].unsqueeze(-1)).squeeze(-1)
            known = torch.tensor([base in "ACGT" for base in sequence[1:]])
            sums.append(float(terms[known].sum()))
    return sums


if __name__ == "__main__":
    main()
