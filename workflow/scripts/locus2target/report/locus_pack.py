"""One locus as the page's script reads it: a JSON header and typed arrays in one run of bytes.

Layout, all numbers little-endian: the byte length of the header (uint32), the header (UTF-8, padded with blanks to
four bytes), then the arrays, each at a multiple of four bytes. An entry of the header's `arrays` says of one array:

- `name`, `dtype` (u8, u16, u32 or f32), `length` (elements), `offset` (bytes from the end of the header);
- `scale`: value = stored / scale;
- `missing`: the stored number that stands for no value; null where none is missing, and for f32, which uses NaN.

The arrays of the association have one element per variant, by position: `position` (1-based), `neg_log10_p`, `r2` with
the lead variant, `pip`, and `credible_set`: 0 outside, k in the k-th set of the header's `credible_sets` (the numbers
of the table; a set without LD has number 0). All other positions are 0-based, intervals half-open. What is packed is
for drawing: exact numbers are in the tables.
"""

import base64
import gzip
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from locus2target.core.intervals import start_of
from locus2target.core.tables import Record, records
from locus2target.report.json_rows import plain_rows

FORMAT = 1
NAMED_PIP = 0.001
"""Variants from this PIP on are named, and have their predicted effects listed."""

_DTYPES: Mapping[str, np.dtype[Any]] = {
    "u8": np.dtype("<u1"),
    "u16": np.dtype("<u2"),
    "u32": np.dtype("<u4"),
    "f32": np.dtype("<f4"),
}
_LARGEST = {"u8": 255, "u16": 65535}
_ALIGNMENT = 4
_BASES = "ACGT"
_GZIP_LEVEL = 6  # the next levels take twice as long and save one byte in a hundred
_P_SCALE = 100.0  # -log10 p to two decimals, as far as 16 bits reach


@dataclass(frozen=True, slots=True)
class QtlAssociation:
    """Association of one molecular trait in a locus.

    Attributes
    ----------
    posterior_h4
        Of the colocalization test for which the trait was chosen.
    associations
        Columns variant and neg_log10_p.
    """

    gene_id: str
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
    mutagenesis, motif_hits
        Rows of MUTAGENESIS and MOTIF_HITS.
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
    mutagenesis: pd.DataFrame
    motif_hits: pd.DataFrame
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


def pack_locus(inputs: LocusInputs) -> bytes:
    """Lay out one locus as the module describes."""
    variants = inputs.variants.sort_values("position", kind="stable", ignore_index=True)
    keys = pd.Index(variants["variant"].astype(object))  # found by hash, many times faster than Arrow's strings
    lead = str(inputs.locus["lead_variant"])
    arrays = _Arrays()
    sets = _add_association(arrays, variants)
    header = {
        "format": FORMAT,
        "locus": inputs.locus["locus"],
        "chromosome": inputs.locus["chromosome"],
        "start": int(inputs.locus["start"]),
        "end": int(inputs.locus["end"]),
        "lead": lead,
        "lead_index": keys.get_loc(lead) if lead in keys else None,
        "n": len(variants),
        "credible_sets": sets,
        "note": " ".join(inputs.notes),
        "variants_named": _variant_names(variants, lead),
        "genes": _genes(inputs.genes, inputs.exons),
        "intervals": plain_rows(inputs.intervals[["kind", "context", "start", "end", "gene"]]),
        "qtl": [_qtl(arrays, number, each, keys) for number, each in enumerate(inputs.qtl)],
        "effects": _effects(inputs.effects, keys),
        "mutagenesis": _mutagenesis(arrays, inputs.mutagenesis, inputs.motif_hits),
    }
    return _laid_out({**header, "arrays": arrays.entries}, bytes(arrays.content))


def encode(pack: bytes) -> str:
    """Gzip and base64; the same bytes give the same text."""
    return base64.b64encode(gzip.compress(pack, _GZIP_LEVEL, mtime=0)).decode("ascii")


def _laid_out(header: dict[str, Any], arrays: bytes) -> bytes:
    text = json.dumps(header, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8")
    text += b" " * (-len(text) % _ALIGNMENT)
    return len(text).to_bytes(4, "little") + text + arrays


def _add_association(arrays: _Arrays, variants: pd.DataFrame) -> list[int]:
    """Append the arrays of the association; give the numbers of the credible sets."""
    arrays.add("position", variants["position"], "u32")
    arrays.add_neg_log10_p("neg_log10_p", variants["neg_log10_p"].to_numpy(np.float64))
    arrays.add_scaled("r2", variants["r_lead"].to_numpy(np.float64) ** 2, "u8", scale=254)
    arrays.add_scaled("pip", variants["pip"].to_numpy(np.float64), "u16", scale=65534)
    sets, numbers = pd.factorize(variants["credible_set"], sort=True)
    arrays.add("credible_set", sets + 1, "u8")  # factorize gives -1 to what is missing
    return [int(number) for number in numbers]


def _variant_names(variants: pd.DataFrame, lead: str) -> dict[str, str]:
    """RsID and key, by index, of variants that fine-mapping gives weight, and of the lead variant."""
    named = (variants["pip"] >= NAMED_PIP) | variants["credible_set"].notna() | (variants["variant"] == lead)
    own = variants[named]
    return {
        str(index): key if pd.isna(rsid) or rsid in {"", key} else f"{rsid} {key}"
        for index, key, rsid in zip(own.index, own["variant"], own["rsid"], strict=True)
    }


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


def _qtl(arrays: _Arrays, number: int, trait: QtlAssociation, keys: pd.Index) -> dict[str, Any]:
    """Append the trait's association at the variants that the locus has too."""
    index = keys.get_indexer(pd.Index(trait.associations["variant"].astype(object)))
    order = np.argsort(index, kind="stable")[
        np.count_nonzero(index < 0) :
    ]  # -1, what the locus does not have, is first
    neg_log10_p = trait.associations["neg_log10_p"].to_numpy(np.float64)
    return {
        "gene_id": trait.gene_id,
        "qtl": trait.qtl,
        "tissue": trait.tissue,
        "qtl_type": trait.qtl_type,
        "posterior_h4": trait.posterior_h4,
        "n": len(order),
        "arrays": {
            "index": arrays.add(f"qtl_{number}_index", index[order], "u32"),
            "neg_log10_p": arrays.add_neg_log10_p(f"qtl_{number}_neg_log10_p", neg_log10_p[order]),
        },
    }


def _effects(effects: pd.DataFrame, keys: pd.Index) -> list[dict[str, Any]]:
    """Predicted effects that could be scored, by variant; within a variant in the table's order."""
    scored = effects[effects["value"].notna()]
    columns = pd.DataFrame(
        {
            "index": keys.get_indexer(pd.Index(scored["variant"].astype(object))),
            "model": scored["model"].to_numpy(),
            "scorer": scored["scorer"].to_numpy(),
            "track": scored["track"].to_numpy(),
            "value": [_shortest(value) for value in scored["value"].to_numpy(np.float32)],
            "quantile": scored["background_quantile"].to_numpy(np.float64),
        }
    )
    return plain_rows(columns.sort_values("index", kind="stable"))


def _shortest(value: np.float32) -> float:
    """A number with as few digits as tell it from all others of its type."""
    return float(str(value))


def _mutagenesis(arrays: _Arrays, windows: pd.DataFrame, hits: pd.DataFrame) -> list[dict[str, Any]]:
    """Append one map per centre variant, model and scorer; what could not be scored has none."""
    scored = windows[windows["value"].notna() & windows["alt"].isin(list(_BASES))]
    maps: list[dict[str, Any]] = []
    for names, window in scored.groupby(["variant", "model", "scorer"], sort=False):
        variant, model, scorer = names
        own = hits[(hits["variant"] == variant) & (hits["model"] == model)]
        values = _substitutions(window)
        maps.append(
            {
                "variant": variant,
                "model": model,
                "scorer": scorer,
                "start": start_of(int(window["position"].min())),
                "length": len(values),
                "ref": _reference(window, len(values)),
                "array": arrays.add(f"mutagenesis_{len(maps)}", values, "f32"),
                "motifs": _motifs(records(own)),
            }
        )
    return maps


def _substitutions(window: pd.DataFrame) -> npt.NDArray[np.float32]:
    """Change by base and A, C, G, T, NaN where there is none, float32 (length, 4); the largest among tracks stays."""
    offset = _offsets(window)
    values = np.full((int(offset.max()) + 1, len(_BASES)), np.nan, np.float32)
    order = np.argsort(window["value"].abs().to_numpy(), kind="stable")
    column = np.array([_BASES.index(alt) for alt in window["alt"]])
    values[offset[order], column[order]] = window["value"].to_numpy(np.float32)[order]
    return values


def _reference(window: pd.DataFrame, length: int) -> str:
    """Reference bases of the window, N where it has no substitution."""
    bases = ["N"] * length
    for offset, base in zip(_offsets(window), window["ref"], strict=True):
        bases[offset] = base
    return "".join(bases)


def _offsets(window: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Column of each substitution in its window, int64."""
    offsets: npt.NDArray[np.int64] = (window["position"] - window["position"].min()).to_numpy(np.int64)
    return offsets


def _motifs(hits: Iterable[Record]) -> list[dict[str, Any]]:
    return [
        {
            "name": hit["motif"],
            "start": hit["start"],
            "end": hit["end"],
            "strand": hit["strand"],
            "p": hit["shift_p"],
            "neg_log10_p": hit["neg_log10_p"],
            "attribution_share": hit["attribution_share"],
            "holds_variant": hit["holds_variant"],
        }
        for hit in hits
    ]
