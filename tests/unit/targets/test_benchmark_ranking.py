"""The ranking benchmark as a program, on three genes and two loci."""

import json
import subprocess
import sys
from pathlib import Path

from environment import STARTED_WITH

ROOT = Path(__file__).parents[3]
GENES = "\n".join(
    [
        "#chr\tstart\tend\tname\tscore\tstrand\tEnsembl_ID\tgene_type",
        *(
            f"chr2\t{tss - 250}\t{tss + 250}\t{name}\t0\t+\tENSG{number:011d}\tprotein_coding"
            for number, (name, tss) in enumerate((("NEAR", 1_000_000), ("FAR", 1_200_000), ("THIRD", 1_400_000)), 1)
        ),
    ]
)
TRUTH = "trait\tchromosome\tposition\tgene\nT\tchr2\t1010000\tNEAR\nT\tchr2\t1290000\tTHIRD\n"


def test_every_line_is_a_figure_and_the_nearest_gene_is_right_once_in_two(tmp_path: Path) -> None:
    (tmp_path / "genes.bed").write_text(GENES + "\n")
    (tmp_path / "truth.tsv").write_text(TRUTH)
    command = [sys.executable, str(ROOT / "benchmarks" / "ranking.py"), "--draws", "50"]
    command += ["--genes", str(tmp_path / "genes.bed"), "--truth", str(tmp_path / "truth.tsv")]
    done = subprocess.run(command, env=STARTED_WITH, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    top = {(line["method"], line["average"]): line for line in lines if line["metric"] == "top_1"}
    assert top["nearest_tss", "locus"]["value"] == 0.5
    assert top["pip_weighted_distance", "gene"]["value"] == 0.5
    assert all(line["benchmark"] == "ranking" and "NaN" not in json.dumps(line) for line in lines)
