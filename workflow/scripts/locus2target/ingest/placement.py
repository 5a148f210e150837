"""Where each row lies on the run's build: canonical chromosomes, and liftover of the other build."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from locus2target.core.chromosomes import canonical_chromosome
from locus2target.core.intervals import Region
from locus2target.ingest.alleles import IntArray
from locus2target.ingest.dispositions import Disposition, Ledger
from locus2target.ingest.genome import Genome
from locus2target.ingest.liftover import ChainFile
from locus2target.ingest.orientation import Sites
from locus2target.ingest.regions import inside_regions

_LIFT_FAILURES: Mapping[str, Disposition] = {
    "unmapped": Disposition.LIFT_UNMAPPED,
    "split": Disposition.LIFT_SPLIT,
    "multiple": Disposition.LIFT_MULTIPLE,
}


@dataclass(frozen=True, slots=True)
class _Lifted:
    """Outcome of lifting; arrays of shape (n_rows,)."""

    chromosome: npt.NDArray[np.object_]
    position: IntArray  # 0 where lifting failed
    reverse: npt.NDArray[np.bool_]
    status: npt.NDArray[np.object_]


def canonical_chromosomes(names: "pd.Series[str]") -> npt.NDArray[np.object_]:
    """Canonical names of a column without missing values, shape (n_rows,)."""
    codes, uniques = pd.factorize(names)
    canonical = np.array([canonical_chromosome(str(name)) for name in uniques], dtype=object)
    return canonical[codes]


def lift_sites(sites: Sites, chain: ChainFile, rows: IntArray, ledger: Ledger) -> Sites:
    """Lift sites to the run's build; alleles are reverse-complemented where the chain changes strand.

    REF is not known yet and its length matters: indels are lifted once with either allele as REF.

    Parameters
    ----------
    sites
        On the source's build.
    chain
        From the source's build to the run's.
    rows
        Row numbers of the sites in `ledger`, where rows that cannot be lifted are settled.
    """
    lengths = sites.dictionary.lengths
    as_given = _lift(chain, sites.chromosome, sites.position, lengths[sites.other])
    swapped = _lift_swapped(chain, sites, as_given)
    failed = (as_given.position == 0) & (swapped.position == 0)
    for status, disposition in _LIFT_FAILURES.items():
        ledger.settle(rows[failed & (as_given.status == status)], disposition)
    usable = as_given.position > 0
    reverse = np.where(usable, as_given.reverse, swapped.reverse)
    complements = sites.dictionary.complements
    return Sites(
        np.where(usable, as_given.chromosome, swapped.chromosome),
        as_given.position,
        swapped.position,
        np.where(reverse, complements[sites.other], sites.other),
        np.where(reverse, complements[sites.effect], sites.effect),
        sites.dictionary,
    )


def _lift(chain: ChainFile, chromosome: npt.NDArray[np.object_], position: IntArray, ref_lengths: IntArray) -> _Lifted:
    lifted = chain.lift(pd.Series(chromosome), position, ref_lengths)
    status = lifted["status"].to_numpy(dtype=object)
    ok = status == "ok"
    return _Lifted(
        lifted["chromosome"].to_numpy(dtype=object),
        np.where(ok, lifted["position"].to_numpy(dtype=np.float64, na_value=0), 0).astype(np.int64),
        lifted["strand"].to_numpy(dtype=object) == "-",
        status,
    )


def _lift_swapped(chain: ChainFile, sites: Sites, as_given: _Lifted) -> _Lifted:
    """The same with the effect allele as REF, which differs only where the alleles' lengths do."""
    lengths = sites.dictionary.lengths
    differ = np.flatnonzero(lengths[sites.other] != lengths[sites.effect])
    again = _lift(chain, sites.chromosome[differ], sites.position[differ], lengths[sites.effect[differ]])
    swapped = _Lifted(
        as_given.chromosome.copy(), as_given.position.copy(), as_given.reverse.copy(), as_given.status.copy()
    )
    swapped.chromosome[differ], swapped.position[differ] = again.chromosome, again.position
    swapped.reverse[differ], swapped.status[differ] = again.reverse, again.status
    return swapped


def settle_outside(sites: Sites, genome: Genome, rows: IntArray, ledger: Ledger) -> None:
    """Settle rows whose chromosome the genome lacks, or that lie beyond its end."""
    codes, names = pd.factorize(sites.chromosome)
    known = np.array([genome.has_chromosome(name) for name in names], dtype=bool)
    length = np.array(
        [genome.lengths[name] if ok else 0 for name, ok in zip(names, known, strict=True)], dtype=np.int64
    )
    ledger.settle(rows[~known[codes]], Disposition.UNKNOWN_CHROMOSOME)
    ledger.settle(rows[sites.first_position > length[codes]], Disposition.BEYOND_CHROMOSOME)


def settle_outside_regions(sites: Sites, regions: Sequence[Region], rows: IntArray, ledger: Ledger) -> None:
    """Settle rows of which no placement lies inside the regions that the run is restricted to."""
    inside = inside_regions(sites.chromosome, sites.position, regions)
    inside |= inside_regions(sites.chromosome, sites.position_swapped, regions)
    ledger.settle(rows[~inside], Disposition.OUTSIDE_REGIONS)
