"""Reads a locus pack as the page's script does, with nothing of the code that wrote it."""

import base64
import gzip
import itertools
import json
import math
import struct
from collections.abc import Sequence
from typing import Any

_CODES = {"u8": "B", "u16": "H", "u32": "I", "f32": "f"}


def decode(text: str) -> bytes:
    """What `encode` was given."""
    return gzip.decompress(base64.b64decode(text, validate=True))


def unpack(pack: bytes) -> tuple[dict[str, Any], dict[str, list[float | None]]]:
    """Header, and values by name of array; None where there is none."""
    (length,) = struct.unpack_from("<I", pack)
    header = json.loads(pack[4 : 4 + length].decode("utf-8"))
    return header, {entry["name"]: _values(pack, 4 + length, entry) for entry in header["arrays"]}


def running_sum(steps: Sequence[float | None], first: int) -> list[int]:
    """Numbers from the steps between them."""
    return list(itertools.accumulate((int(step or 0) for step in steps), initial=first))[1:]


def _values(pack: bytes, base: int, entry: dict[str, Any]) -> list[float | None]:
    offset = base + entry["offset"]
    assert offset % 4 == 0
    stored = struct.unpack_from(f"<{entry['length']}{_CODES[entry['dtype']]}", pack, offset)
    return [None if item == entry["missing"] or math.isnan(item) else item / entry["scale"] for item in stored]
