import gzip
import re
from pathlib import Path

import pysam
import pytest

from locus2target.core.errors import InputError
from locus2target.ingest.files import check_bgzf, is_gzipped, numbered_lines, require_file


def _bgzip(path: Path, text: str) -> Path:
    with pysam.BGZFile(str(path), "w") as file:
        file.write(text.encode())
    return path


def test_missing_file_names_place_and_path(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=re.escape("genome.fasta: there is no file")):
        require_file(tmp_path / "absent", where="genome.fasta")
    with pytest.raises(InputError, match="there is no file"):
        list(numbered_lines(tmp_path, where="a folder"))


def test_lines_of_plain_gzip_and_bgzip_are_the_same(tmp_path: Path) -> None:
    text = "first\r\nsecond\n\nlast"
    plain, gzipped = tmp_path / "a.txt", tmp_path / "b.txt"
    plain.write_bytes(text.encode())
    gzipped.write_bytes(gzip.compress(text.encode()))
    expected = [(1, "first"), (2, "second"), (3, ""), (4, "last")]
    for path in (plain, gzipped, _bgzip(tmp_path / "c.txt", text)):
        assert list(numbered_lines(path, where="here")) == expected
    assert [is_gzipped(path) for path in (plain, gzipped)] == [False, True]


def test_gzip_cut_short_names_the_last_good_line(tmp_path: Path) -> None:
    path = tmp_path / "cut.gz"
    whole = gzip.compress(b"".join(b"line %d\n" % number for number in range(5000)))
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"break off after line \d+"):
        list(numbered_lines(path, where="here"))


def test_binary_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "binary"
    path.write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(InputError, match="is not text"):
        list(numbered_lines(path, where="here"))


def test_bgzf_check_tells_plain_gzip_and_truncation_apart(tmp_path: Path) -> None:
    whole = _bgzip(tmp_path / "whole.gz", "text\n" * 1000)
    check_bgzf(whole, where="here")
    cut = tmp_path / "cut.gz"
    cut.write_bytes(whole.read_bytes()[:-28])
    with pytest.raises(InputError, match="cut short"):
        check_bgzf(cut, where="here")
    for content in (gzip.compress(b"text"), b"text", b""):
        other = tmp_path / "other"
        other.write_bytes(content)
        with pytest.raises(InputError, match="not compressed with bgzip"):
            check_bgzf(other, where="here")
