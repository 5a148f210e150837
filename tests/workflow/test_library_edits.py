"""Editing a library module reruns exactly the steps whose scripts import it."""

import shutil
from pathlib import Path

import pytest
from running import planned_jobs, run_snakemake
from toy import ROOT, Toy

pytestmark = [pytest.mark.workflow, pytest.mark.xdist_group("toy")]


@pytest.fixture
def workflow_copy(tmp_path: Path) -> Path:
    """The workflow's own files, where a test may edit them."""
    for name in ("rules", "workflow", "envs", "profiles"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "Snakefile", tmp_path)
    return tmp_path


def rerun(toy: Toy, root: Path) -> set[str]:
    done = run_snakemake(
        *(toy.directory, "--cores", "1", "--dry-run", "--configfile", "config/config.yaml"),
        *("--rerun-triggers", "params"),
        root=root,
    )
    return set(planned_jobs(done.stdout))


@pytest.mark.parametrize(
    ("module", "first"),
    [
        ("statgen/colocalization.py", "colocalize_loci"),
        ("statgen/susier.py", "finemap_loci"),
        ("targets/locus_classes.py", "rank_genes"),
        ("report/page.py", "render_report"),
    ],
)
def test_an_edited_module_reruns_its_step_and_what_follows(
    finished_toy: Toy, workflow_copy: Path, module: str, first: str
) -> None:
    assert rerun(finished_toy, workflow_copy) == set()
    with (workflow_copy / "workflow/scripts/locus2target" / module).open("a") as handle:
        handle.write("\n# edited\n")
    rerun_rules = rerun(finished_toy, workflow_copy)
    assert first in rerun_rules
    order = ["harmonize_sumstats", "define_loci", "finemap_loci", "colocalize_loci", "assemble_evidence", "rank_genes"]
    before = order[: order.index(first)] if first in order else order
    assert not rerun_rules & set(before)
