"""Variants of all loci as numbers: what a run's steps over all loci keep of each, instead of its text."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from locus2target.core.chromosomes import chromosome_rank
from locus2target.core.variants import variant_keys

IntArray = npt.NDArray[np.int64]

_KEY = ["variant", "chromosome", "position", "ref", "alt"]
# Bits of a variant's number: 1,023 chromosomes of 1.07 Gbp, 8.4 million pairs of alleles, and no sign.
_CHROMOSOME_BITS, _POSITION_BITS, _ALLELES_BITS = 10, 30, 23


class VariantCodes:
    """Numbers for variants: 8 bytes each, where key and columns take some 100 bytes of text.

    A number holds the chromosome, the position and the pair of alleles. Chromosomes and pairs are numbered as they
    come, so numbers of equal variants are equal, but only `along_genome` knows their order.
    """

    def __init__(self) -> None:
        self._chromosomes: dict[str, int] = {}
        self._alleles: dict[str, int] = {}

    @property
    def chromosomes(self) -> list[str]:
        """Those of the variants that have numbers."""
        return list(self._chromosomes)

    def encode(self, variants: pd.DataFrame) -> IntArray:
        """Numbers of the rows, from columns chromosome, position, ref and alt; int64 of shape (n_rows,)."""
        alleles = variants["ref"].astype(str) + ":" + variants["alt"].astype(str)
        places = self.places(variants)
        return (places << _ALLELES_BITS) | _numbered(alleles, self._alleles, _ALLELES_BITS)

    def encode_keys(self, keys: "pd.Series[str]") -> IntArray:
        """Numbers of variants that are given as `chromosome:position:ref:alt`; int64 of shape (n_keys,)."""
        fields = pc.list_flatten(pc.split_pattern(pa.array(keys, pa.string()), ":"))
        starts = np.arange(0, 4 * len(keys), 4)
        names = ("chromosome", "position", "ref", "alt")
        parts = {name: fields.take(pa.array(starts + field)).to_pandas() for field, name in enumerate(names)}
        return self.encode(pd.DataFrame(parts).astype({"position": "int64"}))

    def places(self, variants: pd.DataFrame) -> IntArray:
        """Numbers of the rows' places, from columns chromosome and position; int64 of shape (n_rows,)."""
        position: IntArray = variants["position"].to_numpy(np.int64)
        if position.max(initial=0) >= 1 << _POSITION_BITS:
            raise OverflowError(f"position {position.max()} needs more than {_POSITION_BITS} bits")
        places: IntArray = _numbered(variants["chromosome"], self._chromosomes, _CHROMOSOME_BITS) << _POSITION_BITS
        return places | position

    @staticmethod
    def places_of(codes: IntArray) -> IntArray:
        """The places of variants, as `places` numbers them."""
        return codes >> _ALLELES_BITS

    def decode(self, codes: IntArray) -> pd.DataFrame:
        """Key columns of variants: variant, chromosome, position (1-based), ref and alt, in the order of `codes`."""
        chromosome, position, alleles = _parts(codes)
        numbers, of_row = np.unique(alleles, return_inverse=True)
        known = list(self._alleles)
        pairs = [known[number].split(":") for number in numbers]
        ref, alt = (np.array([pair[side] for pair in pairs], dtype=object)[of_row] for side in (0, 1))
        names = np.array(self.chromosomes, dtype=object)
        table = pd.DataFrame({"chromosome": names[chromosome], "position": position, "ref": ref, "alt": alt})
        return table.assign(variant=variant_keys(table))[_KEY]

    def along_genome(self, codes: IntArray) -> IntArray:
        """Order of variants by chromosome, position, REF and ALT: int64 of shape (n_variants,)."""
        chromosome, position, alleles = _parts(codes)
        chromosome = _ranks(self._chromosomes, sorted(self._chromosomes, key=chromosome_rank))[chromosome]
        alleles = _ranks(self._alleles, sorted(self._alleles, key=lambda pair: pair.split(":")))[alleles]
        return np.argsort(_code(chromosome, position, alleles))


def _code(chromosome: IntArray, position: IntArray, alleles: IntArray) -> IntArray:
    """Variants' numbers of their parts' numbers."""
    return (((chromosome << _POSITION_BITS) | position) << _ALLELES_BITS) | alleles


def _parts(codes: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """Number of the chromosome, position, and number of the pair of alleles."""
    places = codes >> _ALLELES_BITS
    return places >> _POSITION_BITS, places & ((1 << _POSITION_BITS) - 1), codes & ((1 << _ALLELES_BITS) - 1)


def _numbered(values: "pd.Series[str]", known: dict[str, int], bits: int) -> IntArray:
    """Numbers of texts; those not yet known get the next ones."""
    each, distinct = pd.factorize(values)
    numbers = np.array([known.setdefault(str(value), len(known)) for value in distinct], dtype=np.int64)
    if len(known) >= 1 << bits:
        raise OverflowError(f"{len(known)} different values need more than {bits} bits")
    return numbers[each]


def _ranks(numbers: Mapping[str, int], ordered: Sequence[str]) -> IntArray:
    """Place in the order of each number."""
    ranks = np.empty(len(ordered), dtype=np.int64)
    ranks[[numbers[value] for value in ordered]] = np.arange(len(ordered))
    return ranks
