"""The one place that knows both coordinate systems.

`position` is 1-based (VCF); `start`/`end` are 0-based and half-open (BED).
"""

import re
from dataclasses import dataclass

from locus2target.core.chromosomes import canonical_chromosome
from locus2target.core.errors import InputError

_REGION = re.compile(r"^(?P<chromosome>[^:\s]+):(?P<first>[\d,]+)-(?P<last>[\d,]+)$")


@dataclass(frozen=True, slots=True)
class Region:
    """A stretch of one chromosome: `start` 0-based, `end` exclusive."""

    chromosome: str
    start: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end:
            raise ValueError(f"region {self.chromosome}:{self.start}-{self.end} (0-based) is empty or negative")

    @property
    def first_position(self) -> int:
        """1-based position of the first base."""
        return self.start + 1

    @property
    def last_position(self) -> int:
        """1-based position of the last base."""
        return self.end

    @property
    def length(self) -> int:
        """Bases covered."""
        return self.end - self.start

    def contains(self, chromosome: str, position: int) -> bool:
        """Whether the 1-based `position` lies inside."""
        return chromosome == self.chromosome and self.start < position <= self.end

    def overlaps(self, other: "Region") -> bool:
        """Whether the two regions share at least one base."""
        return self.chromosome == other.chromosome and self.start < other.end and other.start < self.end

    def __str__(self) -> str:
        """Return `chromosome:first-last`, 1-based and inclusive, as people write regions."""
        return f"{self.chromosome}:{self.first_position}-{self.last_position}"


def region_of_positions(chromosome: str, first: int, last: int) -> Region:
    """Region that holds the 1-based, inclusive positions `first`..`last`."""
    return Region(chromosome, first - 1, last)


def region_around(chromosome: str, position: int, flank: int) -> Region:
    """Region of `flank` bases on either side of a 1-based position, cut at the chromosome's start."""
    return Region(chromosome, max(0, position - 1 - flank), position + flank)


def parse_region(text: str, *, where: str) -> Region:
    """Read `6:25,000,000-34,000,000` (1-based, inclusive; commas and `chr` allowed).

    Raises
    ------
    InputError
        If the text is not a region or is empty.
    """
    match = _REGION.match(text.strip())
    first, last = (int(match[name].replace(",", "")) for name in ("first", "last")) if match else (0, 0)
    if match is None or not 1 <= first <= last:
        raise InputError(
            f"{text!r} is not a region",
            where=where,
            remedy="Write it as chromosome:first-last with 1-based positions, for example 6:25000000-34000000.",
        )
    return region_of_positions(canonical_chromosome(match["chromosome"]), first, last)


def start_of(position: int) -> int:
    """0-based start of a 1-based position."""
    return position - 1


def distance_to_interval(position: int, start: int, end: int) -> int:
    """Bases between a 1-based position and a 0-based half-open interval; 0 inside.

    >>> [distance_to_interval(position, 10, 20) for position in (10, 11, 20, 21, 25)]
    [1, 0, 0, 1, 5]
    """
    if position <= start:
        return start + 1 - position
    return max(0, position - end)
