"""Paths, permissions, weights and the programs themselves: what is hostile about a file besides its text."""

import io
import os
import pickle
import random
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
import pysam
import pytest
import safetensors.torch
import torch
from environment import STARTED_WITH
from fuzzed_readers import READERS, ROOT, SCHEMAS

from locus2target.core.config_file import read_config
from locus2target.core.errors import InputError, shortened
from locus2target.core.intervals import Region
from locus2target.core.settings import examine_settings
from locus2target.ingest.cohort import CohortGenotypes
from locus2target.ingest.files import require_file
from locus2target.ingest.ld_matrix import read_matrix
from locus2target.ingest.manifest import check_compression, describe_inputs
from locus2target.sequence.motif_bank import read_motif_bank
from locus2target.sequence.weights import read_keras_weights, read_state_dict

CASES = int(os.environ.get("L2T_FUZZ_EXAMPLES", "40"))
NOBODY = 65534

# ---- paths -----------------------------------------------------------------------------------------------------------


@contextmanager
def as_nobody() -> Iterator[None]:
    """Without root's rights, where the tests have them."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def hostile_path(kind: str, folder: Path) -> Path:
    path = folder / "file"
    if kind == "directory":
        path.mkdir()
    elif kind == "symlink loop":
        path.symlink_to(path)
    elif kind == "dangling link":
        path.symlink_to(folder / "nothing")
    elif kind == "long name":
        path = folder / ("x" * 5000)
    elif kind == "NUL in the name":
        path = Path(f"{path}\0")
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "endless device":
        path = Path("/dev/zero")
    else:
        path.write_text("text\n")
        path.chmod(0)
    return path


KINDS = ("directory", "symlink loop", "dangling link", "long name", "NUL in the name", "pipe", "endless device")


@pytest.mark.parametrize("kind", [*KINDS, "unreadable"])
def test_what_is_no_readable_file_is_refused(kind: str, tmp_path: Path) -> None:
    path = hostile_path(kind, tmp_path)
    tmp_path.chmod(0o755)
    with pytest.raises(InputError), as_nobody():
        require_file(path, where="config.yaml, genome.fasta")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["study", "gwas vcf", "gtf", "bed", "gmt", "studies sheet", "evidence weights"])
def test_readers_refuse_what_is_no_file(name: str, kind: str, tmp_path: Path) -> None:
    with pytest.raises(InputError):
        READERS[name].read(hostile_path(kind, tmp_path))


# ---- config ----------------------------------------------------------------------------------------------------------

BOMB = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 25))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: 1\na: 2\n", "comes twice at line 2"),
        (BOMB, "repeats references"),
        ("a: &a [*a]\n", "refers to itself"),
        ("[" * 20_000, "nested too deeply"),
        ("a: " + "9" * 5_000, "is not YAML"),
        ("!!python/object/apply:os.system [touch pwned]\n", "could not determine a constructor"),
        ("a: 2001-99-99\n", "is not YAML"),
        ("", "has no keys"),
    ],
)
def test_yaml_that_is_no_config(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=problem):
        read_config(str(path))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("loci.lead_p", float("nan")),
        ("loci.lead_p", -1e-400 - 1),
        ("loci.window_bp", float("inf")),
        ("loci.window_bp", 10**30),
        ("loci.batches", 10**9),
        ("scoring.min_pip", True),
        ("run_name", "../../etc"),
        ("run_name", "a\n"),
        ("run_name", "$(touch pwned)"),
        ("report.title", "\0"),
        ("genome.fasta", "a\nb"),
        ("sheets.studies", "x" * 5000),
        ("sheets.studies", "/dev/zero"),
        ("genome.chains", {"GRCh38/../..": "a"}),
        ("pathways.gene_sets", ["a", 3]),
        ("mendelian_randomization.pairs", [{"exposure": "a"}]),
        ("loci", None),
        ("surprise", 1),
    ],
)
def test_values_that_no_run_can_use(key: str, value: object) -> None:
    config = read_config(str(ROOT / "config" / "config.yaml"))
    for name in config["sheets"]:
        config["sheets"][name] = str(ROOT / "config" / f"{name}.tsv")
    *sections, last = key.split(".")
    place = config
    for section in sections:
        place = place[section]
    place[last] = value
    _, problems = examine_settings(config, schemas=SCHEMAS, where="config.yaml")
    assert any(key.rsplit(".", maxsplit=1)[-1] in problem for problem in problems)
    assert all(len(problem) < 6000 for problem in problems)


def test_messages_stay_short_and_spell_out_control_characters() -> None:
    assert len(shortened("x" * 10**6)) < 120
    assert "\x1b" not in shortened("\x1b[31m")
    assert shortened(10**5000).startswith("0x") or "digits" in shortened(10**5000)


# ---- weights ---------------------------------------------------------------------------------------------------------


class Bomb:
    """Runs a program when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, (f"touch {self.mark}",)


def write_bomb(path: Path, bomb: object, kind: str) -> None:
    if kind == "zipped torch file":
        torch.save({"w": torch.zeros(2), "x": bomb}, path)
    elif kind == "legacy torch file":
        torch.save({"w": torch.zeros(2), "x": bomb}, path, _use_new_zipfile_serialization=False)
    else:
        path.write_bytes(pickle.dumps(bomb))


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".bin", ".ckpt", ".safetensors", ""])
@pytest.mark.parametrize("kind", ["zipped torch file", "legacy torch file", "bare pickle"])
def test_a_pickle_bomb_in_weights_does_not_go_off(tmp_path: Path, kind: str, suffix: str) -> None:
    mark = tmp_path / "pwned"
    write_bomb(tmp_path / f"model{suffix}", Bomb(mark), kind)
    with pytest.raises(InputError):
        read_state_dict(tmp_path / f"model{suffix}")
    assert not mark.exists()


def test_the_bomb_would_go_off(tmp_path: Path) -> None:
    mark = tmp_path / "pwned"
    pickle.loads(pickle.dumps(Bomb(mark)))  # noqa: S301  that is the point
    assert mark.exists()


def test_a_pickle_bomb_in_array_files_does_not_go_off(tmp_path: Path) -> None:
    mark = tmp_path / "pwned"
    path = tmp_path / "block.npz"
    np.savez(path, r=np.array([Bomb(mark)], dtype=object))
    with pytest.raises(InputError):
        read_matrix(str(path), 1, np.arange(1))
    with pytest.raises(InputError):
        read_motif_bank(path)
    assert not mark.exists()


def test_an_array_that_claims_more_memory_than_there_is_is_refused(tmp_path: Path) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (10**7, 10**7)})
    with zipfile.ZipFile(tmp_path / "block.npz", "w") as archive:
        archive.writestr("r.npy", header.getvalue())
    with pytest.raises(InputError):
        read_matrix(str(tmp_path / "block.npz"), 3, np.arange(3))


def whole_weights(kind: str, folder: Path) -> Path:
    state = {"a.weight": torch.arange(12.0).reshape(3, 4), "a.bias": torch.zeros(3)}
    path = folder / kind
    if kind.endswith("safetensors"):
        safetensors.torch.save_file(state, path)
    elif kind.endswith("h5"):
        with h5py.File(path, "w") as file:
            file.attrs["layer_names"] = [b"dense"]
            group = file.create_group("dense")
            group.attrs["weight_names"] = [b"kernel"]
            group["kernel"] = np.zeros((2, 3), dtype=np.float32)
    else:
        torch.save(state, path, _use_new_zipfile_serialization=kind != "legacy.pt")
    return path


@pytest.mark.parametrize("kind", ["model.safetensors", "model.pt", "legacy.pt", "model.h5"])
def test_damaged_weights_are_refused_or_read(tmp_path: Path, kind: str) -> None:
    path = whole_weights(kind, tmp_path)
    read = read_keras_weights if kind.endswith("h5") else read_state_dict
    assert read(path)
    whole, random_numbers = path.read_bytes(), random.Random(kind)  # noqa: S311  no secret
    for _ in range(CASES):
        damaged = bytearray(whole)
        for _ in range(random_numbers.choice([1, 1, 8])):
            damaged[random_numbers.randrange(len(damaged))] = random_numbers.randrange(256)
        cut = random_numbers.choice([len(damaged), random_numbers.randrange(len(damaged))])
        path.write_bytes(damaged[:cut])
        try:
            read(path)
        except InputError as error:
            assert str(path) in str(error)  # noqa: PT017  most damage is refused, some hits a number only


# ---- genotypes -------------------------------------------------------------------------------------------------------


def write_cohort(folder: Path, *records: str, n: int = 20_000) -> Path:
    head = (
        '##fileformat=VCFv4.2\n##contig=<ID=1,length=9000000>\n##FORMAT=<ID=GT,Number=1,Type=String,Description="g">\n'
    )
    columns = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ta\tb\n"
    lines = [f"1\t{100 * row}\t.\tA\tC\t.\t.\t.\tGT\t{row % 2}/1\t0/{row % 3 % 2}" for row in range(1, n)]
    plain = folder / "cohort.vcf"
    plain.write_text(head + columns + "\n".join([*lines, *records]) + "\n")
    return Path(pysam.tabix_index(str(plain), preset="vcf", force=True))


@pytest.mark.parametrize(
    "record",
    ["1\t8000000\t.\tA", "1\t8000000\t.\tA\tC\t.\t.\t.\tGT\tx/y\t0/0", "1\t8000000\t.\tA\tC\t.\t.\t.\tGT\t0/1"],
)
def test_a_broken_genotype_record_is_refused(tmp_path: Path, record: str) -> None:
    path = write_cohort(tmp_path, record, n=10)
    with (
        CohortGenotypes({"all": str(path)}, dosage_field="GT", genome=None) as cohort,
        pytest.raises(InputError, match="a record cannot be read"),
    ):
        cohort.read_region(Region("1", 0, 8_100_000), min_maf=0.0)


def test_a_damaged_block_that_reading_by_region_skips_ends_the_run(tmp_path: Path) -> None:
    path = write_cohort(tmp_path)
    check_compression(path)
    (whole,) = describe_inputs([("cohort", path)], threads=2)
    assert whole["bytes"] == path.stat().st_size
    content, random_numbers = path.read_bytes(), random.Random(1)  # noqa: S311  no secret
    for _ in range(20):
        place = random_numbers.randrange(len(content) // 4, len(content) - 40)
        damaged = bytearray(content)
        damaged[place] ^= 1 << random_numbers.randrange(8)
        path.write_bytes(damaged)
        with pytest.raises(InputError, match="compressed data are damaged"):
            describe_inputs([("cohort", path)], threads=1)


# ---- the programs ----------------------------------------------------------------------------------------------------


def check_run(config: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    script = ROOT / "workflow" / "scripts" / "check_run.py"
    return subprocess.run(
        [sys.executable, str(script), config],
        cwd=folder,
        env=STARTED_WITH,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.mark.parametrize(
    "text", [BOMB, "[" * 20_000, "a: 1\na: 2\n", "\x00", "run_name: $(touch pwned)\nreport: {title: <script>}\n"]
)
def test_check_says_what_is_wrong_and_ends_with_1(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.yaml").write_text(text)
    done = check_run("config.yaml", tmp_path)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr + done.stdout
    assert "config.yaml" in done.stderr
    assert not (tmp_path / "pwned").exists()


def test_nothing_of_the_workflow_goes_through_a_shell() -> None:
    sources = [*(ROOT / "workflow" / "scripts").rglob("*.py"), *(ROOT / "rules").glob("*.smk"), ROOT / "Snakefile"]
    forbidden = (
        "shell=True",
        "os.system",
        "os.popen",
        "shell(",
        "    shell:",
        "yaml.load(",
        "allow_pickle=True",
        "weights_only=False",
    )
    found = [(path.name, word) for path in sources for word in forbidden if word in path.read_text(encoding="utf-8")]
    assert found == []
