"""One locus as the page's script reads it: a JSON header and typed arrays in one run of bytes.

Layout, all numbers little-endian: the byte length of the header (uint32), the header (UTF-8, padded with blanks to
four bytes), then the arrays, each at a multiple of four bytes. An entry of the header's `arrays` says of one array:

- `name`, `dtype` (u8, u16, u32 or f32), `length` (elements), `offset` (bytes from the end of the header);
- `scale`: value = stored / scale;
- `missing`: the stored number that stands for no value; null where none is missing, and for f32, which uses NaN.

The arrays of the association have one element per variant, by position: `step`, the bases from the variant before (from
the header's `first`, which is 1-based, to the first one), `neg_log10_p`, `r2` with the lead variant, `pip`, and
`credible_set`: 0 outside, k in the k-th set of the header's `credible_sets` (the numbers of the table; a set without LD
has number 0). Places of a QTL's variants among those of the locus are steps as well, from 0. All other positions are
0-based, intervals half-open. Arrays are rounded, for drawing; the header's `named` and all else in it is exact.
"""

import base64
import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from locus2target.core.tables import Record, records
from locus2target.report.heat_maps import NO_TRACK, HeatMap
from locus2target.report.json_rows import plain_rows

FORMAT = 2
NAMED_PIP = 0.001
"""Variants from this PIP on are named, with exact numbers, and have their predicted effects listed."""

_DTYPES: Mapping[str, np.dtype[Any]] = {
    "u8": np.dtype("<u1"),
    "u16": np.dtype("<u2"),
    "u32": np.dtype("<u4"),
    "f32": np.dtype("<f4"),
}
_LARGEST = {"u8": 255, "u16": 65535}
_ALIGNMENT = 4
_GZIP_LEVEL = 6  # the next levels take twice as long and save one byte in a hundred
_P_SCALE = 100.0  # -log10 p to two decimals, as far as 16 bits reach
_NAMED = ("variant", "rsid", "neg_log10_p", "z_score", "r_lead", "pip", "credible_set")


@dataclass(frozen=True, slots=True)
class QtlAssociation:
    """Association of one molecular trait in a locus.

    Attributes
    ----------
    gene_id, phenotype_id, qtl, tissue, qtl_type
        Which trait it is.
    posterior_h4
        Of the colocalization test for which the trait was chosen.
    associations
        Columns variant and neg_log10_p.
    """

    gene_id: str
    phenotype_id: str
    qtl: str
    tissue: str
    qtl_type: str
    posterior_h4: float
    associations: pd.DataFrame


@dataclass(frozen=True, slots=True)
class LocusInputs:
    """What a pack is made of: rows of one locus in the tables of the run.

    Attributes
    ----------
    locus
        Row of LOCI.
    variants
        Rows of CREDIBLE_SETS.
    genes, exons
        Rows of GENES to draw, and of EXONS, which may hold other genes too.
    intervals
        Columns kind (open_chromatin or link), context, start, end, and gene (symbol; missing when not known).
    effects
        Rows of VARIANT_EFFECTS: the `largest` of each variant and score, for variants with a PIP of `NAMED_PIP` or
        more.
    mutagenesis
        Maps of saturation mutagenesis.
    tables
        Rows that are shown as they are, by their name in the header: signals, colocalization and statements.
    colocalization_note
        Sentence on how many pairs were tested.
    notes
        Sentences on what was left out or merged.
    """

    locus: Record
    variants: pd.DataFrame
    genes: pd.DataFrame
    exons: pd.DataFrame
    intervals: pd.DataFrame
    qtl: Sequence[QtlAssociation]
    effects: pd.DataFrame
    mutagenesis: Sequence[HeatMap]
    tables: Mapping[str, Sequence[Record]]
    colocalization_note: str
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class _Arrays:
    """The arrays of a pack as they are added, and what the header says of them."""

    entries: list[dict[str, Any]] = field(default_factory=list)
    content: bytearray = field(default_factory=bytearray)

    def add(self, name: str, values: npt.ArrayLike, dtype: str, *, scale: float = 1, missing: int | None = None) -> str:
        """Append an array that is ready to be stored; give its name back."""
        stored = np.ascontiguousarray(values, dtype=_DTYPES[dtype])
        self.entries.append(
            {
                "name": name,
                "dtype": dtype,
                "length": stored.size,
                "offset": len(self.content),
                "scale": scale,
                "missing": missing,
            }
        )
        self.content += stored.tobytes()
        self.content += bytes(-len(self.content) % _ALIGNMENT)
        return name

    def add_scaled(self, name: str, values: npt.NDArray[np.float64], dtype: str, *, scale: float) -> str:
        """Append values from 0 on as whole numbers, NaN as the type's largest number."""
        missing = _LARGEST[dtype]
        steps = np.clip(np.rint(values * scale), 0, missing - 1)
        return self.add(name, np.where(np.isnan(values), missing, steps), dtype, scale=scale, missing=missing)

    def add_neg_log10_p(self, name: str, values: npt.NDArray[np.float64]) -> str:
        """Append -log10 p to two decimals, more coarsely where 16 bits do not hold the largest."""
        largest = float(np.nanmax(values, initial=0.0))
        room = _LARGEST["u16"] - 1
        scale = _P_SCALE if largest * _P_SCALE <= room else room / largest
        return self.add_scaled(name, values, "u16", scale=scale)

    def add_steps(self, name: str, ascending: npt.NDArray[np.int64], *, first: int) -> str:
        """Append the differences from one number to the next, which compress better than the numbers do."""
        steps = np.diff(ascending, prepend=first)
        dtype = "u16" if steps.max(initial=0) <= _LARGEST["u16"] else "u32"
        return self.add(name, steps, dtype)


def pack_locus(inputs: LocusInputs) -> bytes:
    """Lay out one locus as the module describes."""
    variants = inputs.variants.sort_values("position", kind="stable", ignore_index=True)
    keys = pd.Index(variants["variant"].astype(object))  # found by hash, many times faster than Arrow's strings
    lead = str(inputs.locus["lead_variant"])
    named = _named(variants, lead)
    first = int(variants["position"].min()) if len(variants) else 0
    arrays = _Arrays()
    header = {
        "format": FORMAT,
        "locus": inputs.locus["locus"],
        "chromosome": inputs.locus["chromosome"],
        "start": int(inputs.locus["start"]),
        "end": int(inputs.locus["end"]),
        "lead": lead,
        "lead_index": keys.get_loc(lead) if lead in keys else None,
        "n": len(variants),
        "first": first,
        "credible_sets": _add_association(arrays, variants, first),
        "note": " ".join(inputs.notes),
        "named": plain_rows(named),
        **inputs.tables,
        "colocalization_note": inputs.colocalization_note,
        "genes": _genes(inputs.genes, inputs.exons),
        "intervals": plain_rows(inputs.intervals[["kind", "context", "start", "end", "gene"]]),
        "qtl": [_qtl(arrays, number, each, keys, named) for number, each in enumerate(inputs.qtl)],
        "effects": _effects(inputs.effects, keys),
        "mutagenesis": [_mutagenesis(arrays, number, each) for number, each in enumerate(inputs.mutagenesis)],
    }
    return _laid_out({**header, "arrays": arrays.entries}, bytes(arrays.content))


def encode(pack: bytes) -> str:
    """Gzip and base64; the same bytes give the same text."""
    return base64.b64encode(gzip.compress(pack, _GZIP_LEVEL, mtime=0)).decode("ascii")


def _laid_out(header: dict[str, Any], arrays: bytes) -> bytes:
    text = json.dumps(header, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8")
    text += b" " * (-len(text) % _ALIGNMENT)
    return len(text).to_bytes(4, "little") + text + arrays


def _add_association(arrays: _Arrays, variants: pd.DataFrame, first: int) -> list[int]:
    """Append the arrays of the association; give the numbers of the credible sets."""
    arrays.add_steps("step", variants["position"].to_numpy(np.int64), first=first)
    arrays.add_neg_log10_p("neg_log10_p", variants["neg_log10_p"].to_numpy(np.float64))
    arrays.add_scaled("r2", variants["r_lead"].to_numpy(np.float64) ** 2, "u8", scale=254)
    arrays.add_scaled("pip", variants["pip"].to_numpy(np.float64), "u16", scale=65534)
    sets, numbers = pd.factorize(variants["credible_set"], sort=True)
    arrays.add("credible_set", sets + 1, "u8")  # factorize gives -1 to what is missing
    return [int(number) for number in numbers]


def _named(variants: pd.DataFrame, lead: str) -> pd.DataFrame:
    """What is known of variants that fine-mapping gives weight, and of the lead variant; `index` is their place."""
    named = (variants["pip"] >= NAMED_PIP) | variants["credible_set"].notna() | (variants["variant"] == lead)
    return variants.loc[named, list(_NAMED)].reset_index(names="index")


def _genes(genes: pd.DataFrame, exons: pd.DataFrame) -> list[dict[str, Any]]:
    own = exons[exons["gene_id"].isin(genes["gene_id"])].sort_values("start")
    spans: dict[str, list[list[int]]] = {}
    for gene_id, start, end in zip(own["gene_id"], own["start"].tolist(), own["end"].tolist(), strict=True):
        spans.setdefault(gene_id, []).append([start, end])
    return [
        {
            "gene_id": gene["gene_id"],
            "symbol": gene["gene_symbol"],
            "start": gene["start"],
            "end": gene["end"],
            "strand": gene["strand"],
            "exons": spans.get(gene["gene_id"], []),
        }
        for gene in records(genes.sort_values(["start", "end", "gene_id"]))
    ]


def _qtl(arrays: _Arrays, number: int, trait: QtlAssociation, keys: pd.Index, named: pd.DataFrame) -> dict[str, Any]:
    """Append the trait's association at the variants that the locus has too; that of named ones is exact besides."""
    found = keys.get_indexer(pd.Index(trait.associations["variant"].astype(object)))
    absent = np.count_nonzero(found < 0)  # -1, so they come first
    order = np.argsort(found, kind="stable")[absent:]
    index = found[order].astype(np.int64)
    neg_log10_p = trait.associations["neg_log10_p"].to_numpy(np.float64)[order]
    exact = np.isin(index, named["index"].to_numpy()) & ~np.isnan(neg_log10_p)
    return {
        "gene_id": trait.gene_id,
        "phenotype_id": trait.phenotype_id,
        "qtl": trait.qtl,
        "tissue": trait.tissue,
        "qtl_type": trait.qtl_type,
        "posterior_h4": trait.posterior_h4,
        "n": len(order),
        "exact": {str(place): value for place, value in zip(index[exact], neg_log10_p[exact].tolist(), strict=True)},
        "arrays": {
            "step": arrays.add_steps(f"qtl_{number}_step", index, first=0),
            "neg_log10_p": arrays.add_neg_log10_p(f"qtl_{number}_neg_log10_p", neg_log10_p),
        },
    }


def _effects(effects: pd.DataFrame, keys: pd.Index) -> list[dict[str, Any]]:
    """Predicted effects by variant, within a variant in the table's order; `value` is missing where none could be."""
    columns = pd.DataFrame(
        {
            "index": keys.get_indexer(pd.Index(effects["variant"].astype(object))),
            "model": effects["model"].to_numpy(),
            "scorer": effects["scorer"].to_numpy(),
            "track": effects["track"].to_numpy(),
            "gene_id": effects["gene_id"].to_numpy(),
            "value": effects["value"].to_numpy(np.float32),
            "quantile": effects["background_quantile"].to_numpy(np.float64),
            "status": effects["status"].to_numpy(),
            "reason": effects["reason"].to_numpy(),
        }
    ).sort_values("index", kind="stable")
    return [{**row, "value": _shortest(row["value"])} for row in plain_rows(columns)]


def _shortest(value: float | None) -> float | None:
    """A number of single precision with as few digits as tell it from all others."""
    return None if value is None else float(str(np.float32(value)))


def _mutagenesis(arrays: _Arrays, number: int, heat_map: HeatMap) -> dict[str, Any]:
    """Append the arrays of a map: change and track by base and A, C, G, T, attribution by base."""
    name = f"mutagenesis_{number}"
    return {
        "variant": heat_map.variant,
        "model": heat_map.model,
        "scorer": heat_map.scorer,
        "start": heat_map.start,
        "length": len(heat_map.ref),
        "ref": heat_map.ref,
        "array": arrays.add(name, heat_map.values, "f32"),
        "tracks": list(heat_map.tracks),
        "track": arrays.add(f"{name}_track", heat_map.track, "u16", missing=NO_TRACK),
        "attribution": arrays.add(f"{name}_attribution", heat_map.attribution, "f32"),
        "motifs": [dict(motif) for motif in heat_map.motifs],
        "note": heat_map.note,
    }
