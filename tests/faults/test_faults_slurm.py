"""A run that is broken on a real SLURM cluster of one machine: the run itself mends every fault, or resuming does."""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from breaking import Run, kill_alone, resume, wait_for
from slurm_cluster import NEEDS_SLURM, slurm_cluster
from toy import ROOT

pytestmark = NEEDS_SLURM
PROFILE = ("--profile", str(ROOT / "profiles" / "slurm"))
TRIED_AGAIN = ("harmonize_qtl", "finemap_loci", "finemap_qtls")
QUICK = ("--slurm-init-seconds-before-status-checks", "5", "--latency-wait", "10")
Environment = Mapping[str, str]
Record = Callable[[str, object], None]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A cluster of its own: variables that lead SLURM's programs to it."""
    with slurm_cluster(tmp_path_factory.mktemp("slurm"), port=27817) as variables:
        yield variables


def ask_slurm(environment: Environment, *command: str) -> str:
    """What one of SLURM's programs prints."""
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def take_node_down(environment: Environment, rule: str) -> str:
    """Set the node DOWN on which a rule's job runs, as an operator or a failed health check does; gives the job."""
    running = ask_slurm(environment, "squeue", "--noheader", "--states", "R", "--format", "%i %N %k").splitlines()
    job, node, _ = next(line for line in running if f"rule_{rule}" in line).split(maxsplit=2)
    ask_slurm(environment, "scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=test")
    wait_for(lambda: job in pending_jobs(environment), "the job of the lost node to be queued again")
    # It stays away: its daemon still holds the job, and would refuse to start it again.
    ask_slurm(environment, "scontrol", "update", f"NodeName={node}", "State=DRAIN", "Reason=test")
    wait_for(lambda: hurry(environment), "SLURM to let the jobs of the lost node start")
    return job


def hurry(environment: Environment) -> bool:
    """Whether every job can start now: SLURM lets those of a lost node wait for two minutes."""
    return all(update(environment, f"JobId={job}", "StartTime=now") for job in pending_jobs(environment))


def pending_jobs(environment: Environment) -> list[str]:
    return ask_slurm(environment, "squeue", "--noheader", "--states", "PD", "--format", "%i").split()


def update(environment: Environment, *what: str) -> bool:
    """Whether SLURM accepts a change."""
    return (
        subprocess.run(("scontrol", "update", *what), env=environment, check=False, capture_output=True).returncode == 0
    )


def asked_for(environment: Environment, rule: str) -> set[tuple[str, str]]:
    """Memory and time limit of a rule's jobs, as far as SLURM remembers them (five minutes)."""
    jobs = ask_slurm(environment, "scontrol", "show", "jobs", "--oneliner").splitlines()
    mine = [dict(re.findall(r"(\w+)=(\S+)", job)) for job in jobs if f"Comment=rule_{rule}_" in job]
    return {(job["MinMemoryNode"], job["TimeLimit"]) for job in mine}


def submitted_jobs(run: Run) -> set[str]:
    return set(re.findall(r"submitted with SLURM jobid (\d+)", (run.directory / "driver.log").read_text()))


def faults_met(run: Run) -> set[str]:
    """Rules whose fault has happened."""
    return {path.name for path in run.done.iterdir()}


def rules_told_of(run: Run) -> set[str]:
    """Rules that the driver has said to have failed."""
    return set(re.findall(r"^Error in rule (\w+)", (run.directory / "driver.log").read_text(), re.MULTILINE))


def start_with_a_job_that_hangs(run: Run, cluster: Environment) -> "subprocess.Popen[str]":
    """A driver whose job `colocalize_loci` has begun to write, and waits."""
    run.forget("colocalize_loci")
    driver = run.start(*PROFILE, *QUICK, faults="colocalize_loci:hang", variables=cluster)
    wait_for((run.done / "colocalize_loci").exists, "a job that has begun to write")
    return driver


def test_a_run_outlives_a_kill_a_lost_node_and_limits_of_memory_and_time(
    cluster: dict[str, str], run: Run, undisturbed: Run, record_property: Record
) -> None:
    faults = "harmonize_qtl:kill,annotate_genes:hang,finemap_loci:memory,finemap_qtls:sleep"
    environment = run.environment(faults) | cluster
    shutil.rmtree(run.directory / "results")
    tight = ("finemap_loci:mem_mb=1000*attempt", "finemap_qtls:runtime=1*attempt")  # less than the faults take
    driver = run.start(*PROFILE, *QUICK, "--set-resources", *tight, faults=faults, variables=cluster)
    wait_for((run.done / "annotate_genes").exists, "a job to take the node from")
    # A job that dies of its fault on that node a moment before would be queued again with it, and not be told of.
    wait_for(lambda: faults_met(run) <= {"annotate_genes", *rules_told_of(run)}, "the faults so far to be told of")
    requeued = take_node_down(environment, "annotate_genes")
    wait_for((run.done / "finemap_qtls").exists, "a job that will run out of time")
    assert ("2003M", "00:01:00") in asked_for(environment, "finemap_qtls")  # 250 variants: 3 MB of matrices
    code = driver.wait()
    output = (run.directory / "driver.log").read_text()
    assert code == 0, output[-6000:]
    assert faults_met(run) == {entry.split(":")[0] for entry in faults.split(",")}
    assert rules_told_of(run) == {*TRIED_AGAIN}
    assert len(re.findall(r"SLURM-job '\d+' failed", output)) == len(TRIED_AGAIN)
    assert requeued in submitted_jobs(run)  # and was not submitted again
    assert run.whole_results() == undisturbed.results()
    record_property("faults", 4)
    record_property("slurm_jobs", len(submitted_jobs(run)))


def test_a_controller_that_does_not_answer_for_a_while_costs_time_only(
    cluster: dict[str, str], run: Run, undisturbed: Run, record_property: Record
) -> None:
    driver = start_with_a_job_that_hangs(run, cluster)
    controller = int((Path(cluster["SLURM_CONF"]).parents[1] / "run/slurmctld.pid").read_text())
    log = run.directory / "driver.log"
    os.kill(controller, signal.SIGSTOP)
    try:
        wait_for(lambda: "SLURM does not tell" in log.read_text(), "a question that SLURM does not answer")
    finally:
        os.kill(controller, signal.SIGCONT)
    (run.done / "go").touch()
    code = driver.wait()
    assert code == 0, log.read_text()[-6000:]
    assert "Falling back to 'sacct'" not in log.read_text()
    assert run.results() == undisturbed.results()
    record_property("faults", 1)
    record_property("slurm_jobs", len(submitted_jobs(run)))


def test_jobs_of_a_dead_driver_are_cancelled_before_they_run_again(
    cluster: dict[str, str], run: Run, undisturbed: Run, record_property: Record
) -> None:
    driver = start_with_a_job_that_hangs(run, cluster)
    kill_alone(driver)
    environment = run.environment() | cluster
    assert ask_slurm(environment, "squeue", "--noheader", "--states", "R"), "the dead driver's jobs go on"
    code, output = run.finish(*PROFILE, *QUICK, variables=cluster)
    assert code == 1
    assert "locked" in output
    code, output = resume(run, *PROFILE, *QUICK, environment=environment)
    assert code == 0, output
    assert "cancelling the jobs of the dead driver in SLURM" in output
    assert not ask_slurm(environment, "squeue", "--noheader", "--states", "R,PD,CG")
    assert run.results() == undisturbed.results()
    record_property("faults", 1)
    record_property("slurm_jobs", len(submitted_jobs(run)) + output.count("submitted with SLURM jobid"))
