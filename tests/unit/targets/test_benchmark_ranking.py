"""The ranking benchmark as a program, on three genes and two loci."""

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest
from environment import STARTED_WITH

from locus2target.targets.ranking_model import MODELS

ROOT = Path(__file__).parents[3]
GENES = "\n".join(
    [
        "#chr\tstart\tend\tname\tscore\tstrand\tEnsembl_ID\tgene_type",
        *(
            f"chr2\t{tss - 250}\t{tss + 250}\t{name}\t0\t+\tENSG{number:011d}\tprotein_coding"
            for number, (name, tss) in enumerate((("NEAR", 1_000_000), ("FAR", 1_200_000), ("THIRD", 1_400_000)), 1)
        ),
        *(f"chr4\t{end}\t{end + 500}\tG{end}\t0\t+\tENSG9{end:010d}\tprotein_coding" for end in (1_000, 2_000)),
    ]
)
TOP_ERROR = "top_calibration_error"
SETS = "R1\tReactome | all of them\tNEAR\tFAR\tTHIRD\tG1000\tG2000\n"
TRUTH = "trait\tchromosome\tposition\tgene\nT\tchr2\t1010000\tNEAR\nT\tchr2\t1290000\tTHIRD\n"


def test_every_line_is_a_figure_and_the_nearest_gene_is_right_once_in_two(tmp_path: Path) -> None:
    (tmp_path / "genes.bed").write_text(GENES + "\n")
    (tmp_path / "truth.tsv").write_text(TRUTH)
    (tmp_path / "sets.gmt").write_text(SETS)
    command = [sys.executable, str(ROOT / "benchmarks" / "ranking.py"), "--draws", "50"]
    command += ["--genes", str(tmp_path / "genes.bed"), "--truth", str(tmp_path / "truth.tsv")]
    command += ["--gene-sets", str(tmp_path / "sets.gmt")]
    done = subprocess.run(command, env=STARTED_WITH, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    top = {(line["method"], line["average"]): line for line in lines if line["metric"] == "top_1"}
    assert set(MODELS) < {line["method"] for line in lines}
    assert top["nearest_tss", "locus"]["value"] == 0.5
    assert top["pip_weighted_distance", "gene"]["value"] == 0.5
    assert all(line["benchmark"] == "ranking" and "NaN" not in json.dumps(line) for line in lines)
    # nothing lies on another chromosome: the model is distance alone, by the weights that have not seen chromosome 2
    fitted = json.loads((ROOT / "resources/ranking/fitted_weights.json").read_text())["models"]["model"]
    slope = fitted["folds"]["2"]["distance"]
    # starts are 1-based: one base more than the middle of the BED regions
    distances = ((9_999, 190_001, 390_001), (110_001, 289_999, 89_999))  # the target first
    shares = [[(bases + 1_000) ** (slope / math.log(10)) for bases in locus] for locus in distances]
    right, wrong = shares[0][0] / sum(shares[0]), shares[1][2] / sum(shares[1])  # of the first gene of each locus
    assert int(10 * right) != int(10 * wrong)  # so that each is alone in its bin
    error = {(line["method"], line["average"]): line["value"] for line in lines if line["metric"] == TOP_ERROR}
    assert error["model", "locus"] == pytest.approx((1 - right + wrong) / 2)
