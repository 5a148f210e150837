"""Damaged input is refused in words, or read rightly: no traceback, no hang, no row that is lost or changed.

A campaign: `L2T_FUZZ_EXAMPLES=5000 L2T_FUZZ_LOG=counts.tsv pytest -n0 tests/fuzz` draws other examples each time and
adds its counts to the file.
"""

import os
import signal
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import pytest
from fuzzed_readers import READERS, Reader
from hypothesis import HealthCheck, given, settings
from mutations import Mutation, mutate, mutation_lists

from locus2target.core.errors import InputError

EXAMPLES = int(os.environ.get("L2T_FUZZ_EXAMPLES", "25"))
HANGS_AFTER_S = 120  # no reading takes a hundredth of it, also on a busy machine
COUNTS: Counter[str] = Counter()


@contextmanager
def no_hang() -> Iterator[None]:
    """Fail where the body never ends."""

    def fail(number: int, frame: FrameType | None) -> None:
        pytest.fail(f"not done after {HANGS_AFTER_S} s")

    before = signal.signal(signal.SIGALRM, fail)
    signal.alarm(HANGS_AFTER_S)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def read_damaged(reader: Reader, content: bytes, folder: Path) -> str:
    """Read a file with this content: `refused` or `read`; anything else is a failure."""
    for leftover in folder.iterdir():
        leftover.unlink()
    (folder / "block.npz").write_bytes(b"PK")  # beside a list of variants
    path = folder / reader.file
    path.write_bytes(content)
    try:
        with no_hang(), warnings.catch_warnings():
            warnings.simplefilter("error")
            result = reader.read(path)
    except InputError as error:
        refusal = error
    else:
        reader.check(result, content)
        return "read"
    assert refusal.problem
    assert refusal.where
    assert refusal.remedy
    assert len(str(refusal)) < 20_000, "a message that nobody can read"
    return "refused"


@pytest.fixture(scope="module", autouse=True)
def counted() -> Iterator[None]:
    """Write how many inputs were refused and read, where a campaign asks for it."""
    yield
    if "L2T_FUZZ_LOG" in os.environ:
        with Path(os.environ["L2T_FUZZ_LOG"]).open("a") as log:
            log.writelines(f"{name}\t{count}\n" for name, count in sorted(COUNTS.items()))


@pytest.mark.parametrize("name", READERS)
def test_whole_file_is_read(name: str, tmp_path: Path) -> None:
    assert read_damaged(READERS[name], READERS[name].content, tmp_path) == "read"


@pytest.mark.parametrize("name", READERS)
def test_damaged_file(name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    share = 4 if name.endswith("sheet") else 1  # a sheet is read with all others, which takes a hundred times as long

    @settings(
        max_examples=max(EXAMPLES // share, 5),
        derandomize="L2T_FUZZ_EXAMPLES" not in os.environ,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(mutation_lists)
    def read(mutations: Sequence[Mutation]) -> None:
        outcome = read_damaged(READERS[name], mutate(READERS[name].content, mutations), folder)
        COUNTS[f"{name}\t{outcome}"] += 1

    read()


# What fuzzing found, each as the reader and the bytes, or mutations, that showed it.
ONE_RECORD = b"1\t100\t.\tA\tC\t.\t.\t.\n"
FOUND: dict[str, tuple[str, bytes | Sequence[Mutation]]] = {
    "blank line between VCF records ended the process (segmentation fault in htslib)": (
        "gwas vcf",
        READERS["gwas vcf"].content.replace(b"\n2\t300", b"\n\n2\t300"),
    ),
    "the same with empty lines in the header too": ("gwas vcf", [("CRLF", 0, 3)]),
    "sample of a VCF that is not UTF-8: traceback": (
        "gwas vcf",
        READERS["gwas vcf"].content.replace(b"\tstudy\n", b"\tstud\xfe\n"),
    ),
    "header line among VCF records ended the process": (
        "gwas vcf",
        READERS["gwas vcf"].content.replace(b"\n2\t300", b"\n##FORMAT=<ID=ES>\n2\t300"),
    ),
    "VCF line without tabs on an undeclared contig ended the process": (
        "gwas vcf",
        READERS["gwas vcf"].content.replace(b"1\t100", b"1 100 "),
    ),
    "position of 33 bits became another valid position": (
        "gwas vcf",
        READERS["gwas vcf"].content.replace(b"1\t200", b"1\t4294967496"),
    ),
    "VCF header that htslib cannot parse: traceback": ("gwas vcf", b"##fileformat=VCFv4.2\n#CHROM\tPOS\n" + ONE_RECORD),
    "FORMAT field declared without a type: traceback": (
        "gwas vcf",
        READERS["gwas vcf"].content.replace(b"##FORMAT=<ID=ES,Number=A,Type=Float,", b"##FORMAT=<ID=ES,Number=A,"),
    ),
    "FORMAT field declared as text: traceback": (
        "gwas vcf",
        READERS["gwas vcf"].content.replace(b"<ID=SE,Number=A,Type=Float", b"<ID=SE,Number=A,Type=String"),
    ),
    "contig of a VCF record that is not UTF-8: traceback": (
        "gwas vcf",
        READERS["gwas vcf"].content.replace(b"1\t200", b"\x80\t200"),
    ),
    "quote that opens in one line and closes in another one swallowed the lines between": (
        "study",
        READERS["study"].content.replace(b"rs2", b'"rs2').replace(b"rs4", b'rs4"'),
    ),
    "NUL byte cut the cell short": ("study", READERS["study"].content.replace(b"rs2", b"r\x00s2")),
    "column of TRUE was read as 1": (
        "study",
        b"".join(
            b"\t".join([*cells[:4], b"TRUE" if row else cells[4], *cells[5:]])
            for row, line in enumerate(READERS["study"].content.splitlines(keepends=True))
            for cells in [line.split(b"\t")]
        ),
    ),
    "no-break spaces between columns counted in the header, not in the rows: all rows were missing": (
        "study",
        READERS["study"].content.replace(b"\t", "\u00a0".encode()),
    ),
    "gzipped annotation cut short: traceback": ("bed named gz", [("cut", 60, 0)]),
    "annotation that is gzipped under a plain name: traceback": ("consequences", [("gzip", 0, 0)]),
    "quote in a BED name swallowed the lines behind it": (
        "bed",
        READERS["bed"].content.replace(b"B cell", b'"B cell').replace(b"6\tliver", b'6\tliver"'),
    ),
    "empty line at the top hid all others": ("bed", b"\n" + READERS["bed"].content.split(b"\n", 1)[1]),
    "allele that is missing at the end of a line was kept as empty": (
        "consequences",
        b"#"
        + b"\t".join([b"chromosome", b"position", b"ref", b"gene_id", b"consequence", b"alt"])
        + b"\n1\t5\tA\tONE\tmissense_variant\n",
    ),
    "column named twice: traceback": ("constraint", READERS["constraint"].content.replace(b"gene_id", b"gene")),
    "position of 30 digits: traceback": ("ld variants", READERS["ld variants"].content.replace(b"200", b"9" * 30)),
    "position of 30 digits in a GTF: traceback": (
        "gtf",
        READERS["gtf"].content.replace(b"\t90\t", b"\t%d\t" % 10**30),
    ),
    "underscore in a position was read over": ("gtf", READERS["gtf"].content.replace(b"\t900\t", b"\t9_00\t")),
    "tab among the bases of a FASTA shifted what follows": (
        "fasta",
        READERS["fasta"].content.replace(b"NNNNacgtnn", b"NNNNacgtnn\tNNNNacgtnn"),
    ),
    "base of a FASTA that is not ASCII: traceback": (
        "fasta",
        READERS["fasta"].content.replace(b"NNNNacgtnn", "NNNNacg\ufeff".encode()),
    ),
    "evidence weights that are not UTF-8: traceback": ("evidence weights", [("gzip", 0, 0), ("flip bit", 3, 3)]),
    "sheet that is not UTF-8: traceback": ("studies sheet", [("recode", 0, 0)]),
    "sheet with a cell of 200,000 letters: traceback": ("qtls sheet", [("append to cell", 546018, 63559)]),
    "sheet with a byte-order mark was refused": ("studies sheet", [("BOM", 0, 0)]),
}


HARMLESS = (
    "byte-order mark was refused",
    "gzipped under a plain name",
    "empty line at the top",
    "column of TRUE",
    "quote in a BED name",
)


@pytest.mark.parametrize("finding", FOUND)
def test_findings_stay_mended(finding: str, tmp_path: Path) -> None:
    name, damage = FOUND[finding]
    content = damage if isinstance(damage, bytes) else mutate(READERS[name].content, damage)
    harmless = any(part in finding for part in HARMLESS)
    assert read_damaged(READERS[name], content, tmp_path) == ("read" if harmless else "refused")
