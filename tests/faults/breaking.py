"""A small run of the pipeline that a test breaks, mends, and compares with the run that nothing disturbed."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import yaml
from running import ENVIRONMENT
from toy import ROOT, SHEETS, write_sheet, write_toy

INJECTED = Path(__file__).parent / "injected"
CONFIG = Path("config", "config.yaml")
BATCHES = ("1-of-2", "2-of-2")
TARGETS = (
    *(f"results/colocalize_loci/{batch}.parquet" for batch in BATCHES),
    "results/score_variants/tiny/1-of-1.parquet",
)
DEVICE_HOLDS = 3  # as in injected/sitecustomize.py
LOCAL = ("--cores", "2")
NO_VARIABLES: Mapping[str, str] = MappingProxyType({})
WAIT = 600  # seconds for something that takes a few on a machine with nothing else to do


@dataclass(frozen=True)
class Run:
    """A folder with inputs, and after a while with results."""

    directory: Path

    @property
    def done(self) -> Path:
        """Where faults leave a mark when they have happened."""
        return self.directory / "faults"

    def environment(self, faults: str = "") -> dict[str, str]:
        """Environment of a run in which these faults happen."""
        self.done.mkdir(exist_ok=True)
        return ENVIRONMENT | {
            "PYTHONPATH": str(INJECTED),
            "L2T_FAULTS": faults,
            "L2T_FAULTS_DONE": str(self.done),
            "L2T_SCRIPTS": str(ROOT / "workflow" / "scripts"),
        }

    def start(
        self, *options: str, faults: str = "", variables: Mapping[str, str] = NO_VARIABLES
    ) -> "subprocess.Popen[str]":
        """Start Snakemake and leave it running; its output goes to `driver.log`."""
        with (self.directory / "driver.log").open("a") as log:
            return subprocess.Popen(
                [*snakemake_command(TARGETS), *(options or LOCAL)],
                cwd=self.directory,
                env=self.environment(faults) | variables,
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )

    def finish(
        self,
        *options: str,
        faults: str = "",
        targets: tuple[str, ...] = TARGETS,
        variables: Mapping[str, str] = NO_VARIABLES,
    ) -> tuple[int, str]:
        """Run Snakemake to its end: exit code, and what the user saw."""
        done = subprocess.run(
            [*snakemake_command(targets), *(options or LOCAL)],
            cwd=self.directory,
            env=self.environment(faults) | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout

    def results(self) -> dict[str, str]:
        """SHA-256 of every result, hidden and temporary files included."""
        folder = self.directory / "results"
        return {
            path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.rglob("*"))
            if path.is_file() and not path.name.startswith(".snakemake")
        }

    def whole_results(self) -> dict[str, str]:
        """Results without what killed jobs left beside them, which no step reads."""
        return {name: digest for name, digest in self.results().items() if not is_left_over(name)}

    def forget(self, *steps: str) -> None:
        """Delete the results of steps."""
        for step in steps:
            shutil.rmtree(self.directory / "results" / step)

    def change_config(self, **sections: dict[str, object]) -> None:
        """Set keys of the config."""
        path = self.directory / CONFIG
        config = yaml.safe_load(path.read_text())
        for section, values in sections.items():
            config[section] |= values
        path.write_text(yaml.safe_dump(config, sort_keys=False))


def snakemake_command(targets: tuple[str, ...]) -> list[str]:
    workflow = ("--snakefile", str(ROOT / "Snakefile"), "--configfile", str(CONFIG))
    return [sys.executable, "-m", "snakemake", *targets, *workflow]


def is_left_over(name: str) -> bool:
    """Whether this is a temporary file of `atomic_path`."""
    last = name.rpartition("/")[2]
    return last.startswith(".") and ".tmp" in last


def write_small_run(directory: Path) -> Run:
    """The toy run with one study, one QTL set and one tiny network, so that breaking it takes seconds."""
    write_toy(directory)
    run = Run(directory)
    run.change_config(
        scoring={"batches": 1, "background_variants": 8, "device": "cpu", "cache": None},
        functional_priors={"enabled": False, "features": ["open_chromatin"]},
        mendelian_randomization={"pairs": []},
        mutagenesis={"models": []},
    )
    write_sheet(directory / "config" / "studies.tsv", "studies", SHEETS["studies"][:1])
    network = SHEETS["models"][1] | {"model": "tiny", "weights": "data/tiny_borzoi/f0", "replicates": "", "strands": 1}
    write_sheet(directory / "config" / "models.tsv", "models", [network])
    return run


def copy_of(run: Run, directory: Path) -> Run:
    """The same run, finished as far as the other is, in a folder that a test may spoil."""
    shutil.copytree(run.directory, directory, symlinks=True)
    return Run(directory)


def wait_for(happened: Callable[[], bool], what: str) -> None:
    """Wait until something has happened."""
    until = time.monotonic() + WAIT
    while not happened():
        if time.monotonic() > until:
            raise TimeoutError(what)
        time.sleep(0.2)


def processes_in(directory: Path) -> list[int]:
    """Processes that work in a folder."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and (entry / "cwd").readlink() == directory and (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except OSError:  # it has ended, or is another user's
            continue
    return found


def kill_alone(process: "subprocess.Popen[str]") -> None:
    """`kill -9` of the driver: its jobs are not asked."""
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


def resume(run: Run, *options: str, environment: dict[str, str] | None = None) -> tuple[int, str]:
    """`./run resume` as a user gives it: exit code, and what the user saw."""
    started_with = run.environment() if environment is None else environment
    done = subprocess.run(
        [ROOT / "run", "resume", *TARGETS, *(options or LOCAL), "--configfile", CONFIG],
        cwd=run.directory,
        env=started_with | {"PATH": f"{Path(sys.executable).parent}:{started_with['PATH']}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout
