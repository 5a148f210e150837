"""The canonical table: REF and ALT, effects per ALT, normalised indels, sorted, one row per variant."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from locus2target.core.chromosomes import chromosome_rank
from locus2target.core.variants import Variant, normalize_variant
from locus2target.ingest.alleles import IntArray
from locus2target.ingest.dispositions import Disposition, Ledger
from locus2target.ingest.genome import Genome
from locus2target.ingest.orientation import Agreement, Sites, sequence_blocks

_STATISTICS = ("beta", "standard_error", "z_score", "neg_log10_p", "pip")
_SAME = 1e-9  # relative difference up to which copies of a variant have the same statistics


def orient_alleles(sites: Sites, agreement: npt.NDArray[np.int8], rows: IntArray) -> pd.DataFrame:
    """REF and ALT of sites whose agreement with the genome is settled.

    Returns
    -------
    DataFrame
        `row` (of the raw frame), chromosome, position, ref, alt, `swapped` (the effect allele was REF), ref_verified.
    """
    swapped = np.isin(agreement, (Agreement.SWAPPED, Agreement.COMPLEMENT_SWAPPED))
    reverse = np.isin(agreement, (Agreement.COMPLEMENT, Agreement.COMPLEMENT_SWAPPED))
    complements, texts = sites.dictionary.complements, sites.dictionary.texts
    other, effect = (np.where(reverse, complements[codes], codes) for codes in (sites.other, sites.effect))
    return pd.DataFrame(
        {
            "row": rows,
            "chromosome": sites.chromosome,
            "position": np.where(swapped, sites.position_swapped, sites.position),
            "ref": texts[np.where(swapped, effect, other)],
            "alt": texts[np.where(swapped, other, effect)],
            "swapped": swapped,
            "ref_verified": agreement != Agreement.NO_SEQUENCE,
        }
    )


def attach_statistics(table: pd.DataFrame, statistics: pd.DataFrame) -> pd.DataFrame:
    """Add the statistics of each row's source, turned round where the effect allele was REF.

    Parameters
    ----------
    table
        As `orient_alleles` gives it, in part or whole.
    statistics
        One row per raw row: beta, z_score and alt_frequency of the effect allele, and columns that have no direction.
    """
    joined = pd.concat(
        [table.reset_index(drop=True), statistics.iloc[table["row"].to_numpy()].reset_index(drop=True)], axis=1
    )
    swapped = joined["swapped"].to_numpy(bool)
    for name in ("beta", "z_score"):
        values = joined[name].to_numpy(np.float64)
        joined[name] = np.where(swapped, -values, values)
    frequency = joined["alt_frequency"].to_numpy(np.float64)
    return joined.assign(alt_frequency=np.where(swapped, 1.0 - frequency, frequency))


def normalize_indels(table: pd.DataFrame, genome: Genome) -> pd.DataFrame:
    """Trim and left-align the variants that are not so already; see `core.variants.normalize_variant`."""
    ref, alt = (table[name].to_numpy(dtype=object) for name in ("ref", "alt"))
    position = table["position"].to_numpy(np.int64, copy=True)
    chromosome = table["chromosome"].to_numpy(dtype=object)
    candidates = np.flatnonzero((table["ref"].str.len() > 1) | (table["alt"].str.len() > 1))
    movable = np.array([row for row in candidates if _is_movable(ref[row], alt[row])], dtype=np.int64)
    if not len(movable):
        return table
    ref, alt = ref.copy(), alt.copy()
    for block in sequence_blocks(genome, chromosome[movable], position[movable]):
        for row in movable[block.rows]:
            given = Variant(block.chromosome, int(position[row]), ref[row], alt[row])
            normal = normalize_variant(given, block.fetch)
            position[row], ref[row], alt[row] = normal.position, normal.ref, normal.alt
    return table.assign(position=position, ref=ref, alt=alt)


def _is_movable(ref: str, alt: str) -> bool:
    """Whether the alleles share a last base, or a first base that is not needed."""
    return ref[-1] == alt[-1] or (ref[0] == alt[0] and min(len(ref), len(alt)) > 1)


def sort_variants(table: pd.DataFrame, *, then: Sequence[str] = ()) -> pd.DataFrame:
    """Sort by chromosome (1..22, X, Y, MT, others), position, ref, alt, the columns `then`, and source row.

    Adds `same_as_previous`: whether key and `then` equal those of the row before.
    """
    names = pd.unique(table["chromosome"])
    rank = {name: number for number, name in enumerate(sorted(names, key=chromosome_rank))}
    codes = [table["chromosome"].map(rank).to_numpy(np.int64), table["position"].to_numpy(np.int64)]
    codes += [pd.factorize(table[name], sort=True)[0] for name in ("ref", "alt", *then)]
    order = np.lexsort([table["row"].to_numpy(), *reversed(codes)])
    same = np.ones(len(order), dtype=bool)
    same[:1] = False
    for code in codes:
        same[1:] &= np.diff(code[order]) == 0
    return table.iloc[order].reset_index(drop=True).assign(same_as_previous=same)


def withdraw_duplicates(table: pd.DataFrame, ledger: Ledger) -> None:
    """Leave one row per variant of a sorted table: note in `ledger` which rows go.

    Copies with the same statistics leave their first row; copies that contradict each other leave none.
    """
    same = table["same_as_previous"].to_numpy(bool)
    group = np.cumsum(~same)
    repeated = np.flatnonzero(same | np.append(same[1:], False))
    conflict = _conflicts(table.iloc[repeated], group[repeated])
    source_row = table["row"].to_numpy(np.int64)
    ledger.withdraw(source_row[repeated[conflict]], Disposition.DUPLICATE_VARIANT)
    ledger.withdraw(source_row[repeated[~conflict & same[repeated]]], Disposition.DUPLICATE_IDENTICAL)


def _conflicts(copies: pd.DataFrame, group: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Which of the copies belong to a group whose statistics differ, also by being missing in some rows."""
    conflict = np.zeros(len(copies), dtype=bool)
    for name in [name for name in _STATISTICS if name in copies]:
        values = copies[name].groupby(group)
        low, high, known, size = (values.transform(kind).to_numpy() for kind in ("min", "max", "count", "size"))
        spread = high - low > _SAME * np.maximum(np.abs(low), np.abs(high))
        conflict |= spread | ((known > 0) & (known < size))
    return conflict
