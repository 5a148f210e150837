"""Structured damage to files: what mail programs, spreadsheets, broken transfers and ill will do to them.

A mutation is a tuple (name, where, what): plain data, so that a failing one prints as it is and can be kept as a seed.
`where` is reduced modulo the number of places there are, and `what` modulo the number of nasty values.
"""

import gzip
import struct
import zlib
from collections.abc import Callable, Sequence

from hypothesis import strategies as st

Mutation = tuple[str, int, int]

NASTY = (
    *("", " ", ".", "NA", "nan", "-nan", "inf", "-inf", "Infinity", "None", "null", "True", "FALSE"),
    *(
        "0",
        "-0",
        "-1",
        "1",
        "+1",
        "1.5",
        "0.0",
        "-0.0",
        "1e-400",
        "1e400",
        "-1e400",
        "1e-310",
        "4.9e-324",
        "1e999999999",
    ),
    *("1e999999999", "1e", "1e-", "e5", "0x10", "1_000", "1,000", "1.2.3", "--1", "١٢", "１２", "1 2", "½", "²"),
    *(
        "2147483647",
        "2147483648",
        "9007199254740993",
        "9223372036854775807",
        "9223372036854775808",
        "9" * 30,
        "9" * 5000,
    ),
    *("A", "a", "N", "*", "<DEL>", "ACGT" * 30, "A" * 200_000, "AA]1:5]", "U", "-", "I", "D"),
    *("chr1", "1", "CHR1", "chr", "X", "23", "MT", "chrUn_1", "99", "1:2", "1_100_A_C", "1:100:A:C", "chr1_0_A_C_b37"),
    *(
        "../../../etc/passwd",
        "/dev/zero",
        "~",
        "$(touch pwned)",
        "`id`",
        "; rm -rf /",
        "| cat",
        "&& true",
        "%s%n",
        "{0}",
    ),
    *("<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "</script>", "&amp;", "javascript:alert(1)"),
    *(
        '"',
        "'",
        '"rs1',
        'rs1"',
        '""',
        '"a\tb"',
        "a\nb",
        "a\rb",
        "a\x00b",
        "\x1b[31m",
        "\u202e",
        "\ufeff",
        "\udc80",
        "é",
        "日本",
    ),
    *("#", "##", "chromosome", "=cmd|' /C calc'!A0", "\\", "\\N", "a,b", "a;b", "a|b", "a=b", "a b"),
)
ENCODINGS = ("utf-16", "utf-16-le", "utf-32", "latin-1", "cp1252", "utf-8-sig", "utf-7")
SEPARATORS = (b"\t", b",", b" ", b";", b"|", b"  ", b"\t\t", b"\xc2\xa0")
JUNK = (
    b"\x00",
    b"\xff",
    b"\xfe\xff",
    b"\x1a",
    b"\x1f\x8b",
    b"\x80",
    b"\r",
    b"\n",
    b"\n\n",
    b'"',
    b"\xef\xbb\xbf",
    b"PK\x03\x04",
)

BLANKS = (b"", b" ", b"\t", b"\t\t\t")


def nasty(what: int) -> bytes:
    return NASTY[what % len(NASTY)].encode("utf-8", "surrogatepass")


def junk(what: int) -> bytes:
    return JUNK[what % len(JUNK)]


def _separator(line: bytes) -> bytes:
    return next((sign for sign in (b"\t", b",", b" ") if sign in line), b"\t")


def _edit_line(data: bytes, where: int, edit: Callable[[bytes], Sequence[bytes]]) -> bytes:
    lines = data.split(b"\n")
    place = where % len(lines)
    lines[place : place + 1] = edit(lines[place])
    return b"\n".join(lines)


def _edit_cell(data: bytes, where: int, edit: Callable[[bytes], Sequence[bytes]]) -> bytes:
    def of_line(line: bytes) -> list[bytes]:
        sign = _separator(line)
        cells = line.split(sign)
        place = where // 7 % len(cells)
        cells[place : place + 1] = edit(cells[place])
        return [sign.join(cells)]

    return _edit_line(data, where, of_line)


def _cut(data: bytes, where: int) -> bytes:
    return data[: where % (len(data) + 1)]


def _overwrite(data: bytes, where: int, new: bytes) -> bytes:
    place = where % (len(data) + 1)
    return data[:place] + new + data[place + len(new) :]


def _insert(data: bytes, where: int, new: bytes) -> bytes:
    place = where % (len(data) + 1)
    return data[:place] + new + data[place:]


def _in_header(data: bytes, where: int) -> int:
    """A place in the first line."""
    return where // 7 * 7 * len(data.split(b"\n"))


def _recode(data: bytes, what: int) -> bytes:
    text = data.decode("utf-8", "replace")
    return text.encode(ENCODINGS[what % len(ENCODINGS)], "replace")


def _bgzip(data: bytes) -> bytes:
    """BGZF blocks in memory: what bgzip writes."""
    blocks = [data[start : start + 500] for start in range(0, len(data), 500)]
    return b"".join(_bgzf_block(block) for block in [*blocks, b""])


def _bgzf_block(data: bytes) -> bytes:
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    packed = packer.compress(data) + packer.flush()
    head = b"\x1f\x8b\x08\x04\x00\x00\x00\x00\x00\xff\x06\x00BC\x02\x00" + struct.pack("<H", len(packed) + 25)
    return head + packed + struct.pack("<II", zlib.crc32(data), len(data))


def _flip(data: bytes, where: int, what: int) -> bytes:
    if not data:
        return data
    place = where % len(data)
    return data[:place] + bytes([data[place] ^ (1 << what % 8)]) + data[place + 1 :]


def _swap_lines(data: bytes, where: int, what: int) -> bytes:
    lines = data.split(b"\n")
    one, other = where % len(lines), what % len(lines)
    lines[one], lines[other] = lines[other], lines[one]
    return b"\n".join(lines)


MUTATIONS: dict[str, Callable[[bytes, int, int], bytes]] = {
    "set cell": lambda data, where, what: _edit_cell(data, where, lambda _: [nasty(what)]),
    "append to cell": lambda data, where, what: _edit_cell(data, where, lambda cell: [cell + nasty(what)]),
    "quote cell": lambda data, where, _what: _edit_cell(data, where, lambda cell: [b'"' + cell + b'"']),
    "open quote": lambda data, where, _what: _edit_cell(data, where, lambda cell: [b'"' + cell]),
    "close quote": lambda data, where, _what: _edit_cell(data, where, lambda cell: [cell + b'"']),
    "drop cell": lambda data, where, _what: _edit_cell(data, where, lambda _: []),
    "repeat cell": lambda data, where, _what: _edit_cell(data, where, lambda cell: [cell, cell]),
    "add cell": lambda data, where, what: _edit_line(data, where, lambda line: [line + _separator(line) + nasty(what)]),
    "set header": lambda data, where, what: _edit_cell(
        data, where // 7 * 7 * len(data.split(b"\n")), lambda _: [nasty(what)]
    ),
    "cut line": lambda data, where, what: _edit_line(data, where, lambda line: [_cut(line, what)]),
    "drop line": lambda data, where, _what: _edit_line(data, where, lambda _: []),
    "repeat line": lambda data, where, _what: _edit_line(data, where, lambda line: [line, line]),
    "repeat header": lambda data, where, _what: _edit_line(data, where, lambda line: [line, data.split(b"\n")[0]]),
    "blank line": lambda data, where, what: _edit_line(data, where, lambda line: [line, BLANKS[what % 4]]),
    "comment line": lambda data, where, what: _edit_line(
        data, where, lambda line: [b"#" * (1 + what % 2) + nasty(what), line]
    ),
    "swap lines": _swap_lines,
    "other separator": lambda data, where, what: _edit_line(
        data, where, lambda line: [line.replace(_separator(line), SEPARATORS[what % len(SEPARATORS)])]
    ),
    "other separators": lambda data, _where, what: data.replace(b"\t", SEPARATORS[what % len(SEPARATORS)]),
    "CRLF": lambda data, _where, what: data.replace(b"\n", (b"\r\n", b"\r", b"\n\r", b"\n\n")[what % 4]),
    "BOM": lambda data, _where, _what: b"\xef\xbb\xbf" + data,
    "recode": lambda data, _where, what: _recode(data, what),
    "insert junk": lambda data, where, what: _insert(data, where, junk(what)),
    "overwrite": lambda data, where, what: _overwrite(data, where, junk(what)),
    "flip bit": _flip,
    "cut": lambda data, where, _what: _cut(data, where),
    "empty": lambda _data, _where, what: (b"", b"\n", b"\r\n", b" ", b"\x00", b"\t")[what % 6],
    "header only": lambda data, _where, what: data.split(b"\n")[0] + b"\n" * (what % 2),
    "gzip": lambda data, _where, _what: gzip.compress(data, mtime=0),
    "gzip twice": lambda data, _where, _what: gzip.compress(gzip.compress(data, mtime=0), mtime=0),
    "gzip, cut": lambda data, where, _what: _cut(gzip.compress(data, mtime=0), where),
    "gzip, flip": lambda data, where, what: _flip(gzip.compress(data, mtime=0), where, what),
    "gzip, more behind": lambda data, _where, what: gzip.compress(data, mtime=0) + junk(what),
    "bgzip": lambda data, _where, _what: _bgzip(data),
    "bgzip, cut": lambda data, where, _what: _cut(_bgzip(data), where),
    "bgzip, flip": lambda data, where, what: _flip(_bgzip(data), where, what),
    "trailing newline off": lambda data, _where, _what: data.rstrip(b"\n"),
}


def mutate(data: bytes, mutations: Sequence[Mutation]) -> bytes:
    """Apply mutations in order."""
    for name, where, what in mutations:
        data = MUTATIONS[name](data, where, what)
    return data


_numbers = st.integers(0, 2**20)
mutation = st.tuples(st.sampled_from(sorted(MUTATIONS)), _numbers, _numbers)
mutation_lists = st.lists(mutation, min_size=1, max_size=3)
