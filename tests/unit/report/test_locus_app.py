"""The locus page in a real browser, from packs that this file encodes itself: what is drawn equals what was packed."""

import base64
import gzip
import json
import math
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import browsing
import numpy as np
import pytest
from browsing import NEEDS_CHROMIUM, chromium
from report_run import ToyRun, gene_id, variant_at

from locus2target.core import schemas
from locus2target.core.tables import write_table
from locus2target.report.app_page import render_app
from locus2target.report.formats import format_p_value
from locus2target.report.locus_classes import locus_verdict
from locus2target.report.locus_inputs import BesideTables, pack_loci
from locus2target.report.locus_words import locus_cautions
from locus2target.report.run_data import RunFacts, run_data
from locus2target.report.run_tables import RunTables, load_run_tables

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = NEEDS_CHROMIUM
_HOSTILE = "<img src=x onerror=alert(1)>"
_DTYPES = {"u8": "<u1", "u16": "<u2", "u32": "<u4", "f32": "<f4"}

SMALL, BIG, BARE = "study__1_1000000_1100000", "study__1_2000000_3000000", "study__1_5000000_6000000"
N_SMALL, N_BIG = 12, 5000


class _Pack:
    """A pack under construction: arrays behind a header, as the note of report/locus_pack.py lays them out."""

    def __init__(self) -> None:
        self.entries: list[dict[str, Any]] = []
        self.content = b""

    def add(self, name: str, stored: Any, dtype: str, scale: float = 1, missing: int | None = None) -> str:
        raw = np.asarray(stored).astype(_DTYPES[dtype]).tobytes()
        length = len(raw) // np.dtype(_DTYPES[dtype]).itemsize
        entry = {"name": name, "dtype": dtype, "length": length, "offset": len(self.content)}
        self.entries.append({**entry, "scale": scale, "missing": missing})
        self.content += raw + bytes(-len(raw) % 4)
        return name

    def text(self, header: dict[str, Any]) -> str:
        plain = json.dumps({"format": 2, **header, "arrays": self.entries}).encode()
        plain += b" " * (-len(plain) % 4)
        return base64.b64encode(gzip.compress(struct.pack("<I", len(plain)) + plain + self.content)).decode()


def _association(pack: _Pack, position: Any, p: Any, r2: Any, pip: Any, sets: Any) -> int:
    """Append the arrays of the association; give the first position."""
    pack.add("step", np.diff(position, prepend=position[0]), "u16")
    pack.add("neg_log10_p", p, "u16", 100, 65535)
    pack.add("r2", r2, "u8", 254, 255)
    pack.add("pip", pip, "u16", 65534, 65535)
    pack.add("credible_set", sets, "u8")
    return int(position[0])


_P = np.array([10, 150, 320, 4000, 730, 120, 1500, 2980, 65, 210, 1234, 5])
_R2 = np.array([255, 20, 60, 254, 160, 255, 200, 240, 0, 110, 130, 255])
_PIP = np.array([65535, 0, 3, 52427, 40, 65535, 50, 9830, 0, 1, 66, 65535])
_SETS = np.array([0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 2, 0])
_POSITION = 1_000_000 + np.arange(1, N_SMALL + 1) * 8000
# Exact numbers of the variants that the pack names, by index: beyond what the arrays can hold.
_EXACT = {3: (40.0012345, 0.9987654, 0.8000012), 7: (29.8049, -0.9712, 0.1500049), 10: (12.341, None, 0.001007)}
_QTL = {"GENE1": ([2, 3, 4, 7, 10], [300, 2500, 500, 1900, 800]), "GENE2": ([1, 3, 6, 8], [1700, 200, 90, 1100])}


def _gene(gene_id: str, symbol: str, start: int, end: int, strand: str) -> dict[str, Any]:
    exons = [[start, start + 900], [end - 1200, end]]
    return {"gene_id": gene_id, "symbol": symbol, "start": start, "end": end, "strand": strand, "exons": exons}


def _window(pack: _Pack, variant: str, model: str, seed: int) -> dict[str, Any]:
    """Saturation of 60 bases around the variant, NaN at the reference base."""
    length, position = 60, int(variant.split(":")[1])
    generator = np.random.default_rng(seed)
    bases = generator.integers(0, 4, length)
    values = generator.normal(0, 0.1, (length, 4))
    values[26:36] -= 0.9
    values[np.arange(length), bases] = np.nan
    heights = -np.nanmean(values, axis=1)
    heights[:3] = np.nan
    track = np.where(np.isnan(values), 65535, np.arange(length * 4).reshape(length, 4) % 2)
    start = position - 1 - length // 2
    motif = {"name": "ETS1 MA0098", "start": start + 26, "end": start + 36, "strand": "+", "p": 0.004}
    far = {"name": "CTCF MA0139", "start": start + 29, "end": start + 48, "strand": "-", "p": 0.03}
    return {
        "variant": variant,
        "model": model,
        "scorer": "logSED",
        "start": start,
        "length": length,
        "ref": "".join("ACGT"[base] for base in bases),
        "array": pack.add(f"mutagenesis_{seed}", values, "f32"),
        "tracks": ["DNASE T cell", _HOSTILE],
        "track": pack.add(f"mutagenesis_{seed}_track", track, "u16", 1, 65535),
        "attribution": pack.add(f"mutagenesis_{seed}_attribution", heights, "f32"),
        "note": f"Largest change of window {seed}.",
        "motifs": [
            {**motif, "neg_log10_p": 5.1, "attribution_share": 0.3, "holds_variant": True},
            {**far, "neg_log10_p": 4.2, "attribution_share": 0.1, "holds_variant": False},
        ],
    }


def _traits(pack: _Pack) -> list[dict[str, Any]]:
    traits = []
    for number, (gene, (index, p)) in enumerate(_QTL.items()):
        arrays = {
            "step": pack.add(f"qtl_{number}_step", np.diff(index, prepend=0), "u16"),
            "neg_log10_p": pack.add(f"qtl_{number}_neg_log10_p", p, "u16", 100, 65535),
        }
        exact = {str(i): each / 100 + 0.0012 for i, each in zip(index, p, strict=True) if i in _EXACT}
        names = {"gene_id": gene, "phenotype_id": gene, "qtl": "catalogue", "tissue": "whole_blood", "qtl_type": "eqtl"}
        traits.append({**names, "n": len(index), "posterior_h4": 0.91 - 0.3 * number, "exact": exact, "arrays": arrays})
    return traits


def _named_row(index: int) -> dict[str, Any]:
    p, r, pip = _EXACT[index]
    row = {"index": index, "variant": f"1:{_POSITION[index]}:A:G", "rsid": f"rs{index}", "neg_log10_p": p, "r_lead": r}
    return {**row, "z_score": -5.4321 if index == 7 else None, "pip": pip, "credible_set": {10: 4}.get(index, 1)}


def _signal(number: int, **values: Any) -> dict[str, Any]:
    row = {"signal": number, "method": "susie", "primary": True, "lead_variant": f"1:{_POSITION[7]}:A:G"}
    row |= {"log_bayes_factor": 51.734, "n_credible": 2, "coverage": 0.963, "purity": None, "status": "ok"}
    return {**row, "reason": "", **values}


def _pair(gene: str, symbol: str, h4: float, **values: Any) -> dict[str, Any]:
    row = {"gene_symbol": symbol, "gene_id": gene, "qtl": "catalogue", "qtl_type": "eqtl", "tissue": "whole_blood"}
    row |= {"phenotype_id": gene, "signal": 1, "qtl_signal": 0, "primary": True, "method": "abf", "n_shared": 812}
    row |= {f"posterior_h{number}": round((1 - h4) / 4, 6) for number in range(4)}
    row |= {"posterior_h4": h4, "p12_low": 1.2e-6, "p12_high": 1e-4, "direction": 1.0, "clpp": 0.4567}
    return {**row, "shared_variant": f"1:{_POSITION[7]}:A:G", "flag": None, **values}


_SIGNALS = [_signal(0, primary=False, method="abf"), _signal(1, purity=0.9312), _signal(4, reason=_HOSTILE)]
_PAIRS = [
    _pair("GENE1", "ALPHA", 0.9131),
    _pair("GENE2", _HOSTILE, 0.6149, direction=-1.0, p12_low=None),
    _pair("GENE9", "FAR", 0.004, primary=False, flag=f"shares with too much {_HOSTILE}", shared_variant="1:7:A:G"),
]
_STATEMENTS = [{"source": "enhancer_gene_link", "status": "no_annotation", "detail": f"No links. {_HOSTILE}"}]
_WORDS = {
    "locus_class": {"clear": "Clear in words."},
    "ld_verdict": {"WARN": "LD fits in part."},
}


def _small_pack() -> str:
    pack = _Pack()
    first = _association(pack, _POSITION, _P, _R2, _PIP, _SETS)
    fine = {"status": "ok", "reason": ""}
    none = {"status": "no_sequence", "reason": f"N there {_HOSTILE}"}
    effects = [
        {"index": 3, "model": "enformer", "scorer": "SAD", "track": "DNASE", "value": -1.5, "quantile": 0.997, **fine},
        {"index": 7, "model": "enformer", "scorer": "SAD", "track": None, "value": 0.25, "quantile": 0.5, **fine},
        {"index": 7, "model": "motifs", "scorer": "rank", "track": "ETS1", "value": 3.0125, "quantile": None}
        | {"gene_id": "GENE1", **fine},
        {"index": 10, "model": "motifs", "scorer": "rank", "track": None, "value": None, "quantile": None, **none},
    ]
    peak = {"kind": "open_chromatin", "context": "T_cell", "start": 1_030_000, "end": 1_034_000, "gene": None}
    link = {"kind": "link", "context": "monocyte", "start": 1_060_000, "end": 1_066_000, "gene": "ALPHA"}
    header = {
        "locus": SMALL,
        "chromosome": "1",
        "start": 1_000_000,
        "end": 1_100_000,
        "lead": f"1:{_POSITION[3]}:A:G",
        "lead_index": 3,
        "n": N_SMALL,
        "first": first,
        "credible_sets": [1, 4],
        "note": "Not drawn: 2 genes.",
        "named": [_named_row(index) for index in _EXACT],
        "signals": _SIGNALS,
        "colocalization": _PAIRS,
        "colocalization_note": "7 pairs, 3 with a posterior.",
        "statements": _STATEMENTS,
        "genes": [
            _gene("GENE1", "ALPHA", 1_010_000, 1_040_000, "+"),
            _gene("GENE2", _HOSTILE, 1_050_000, 1_070_000, "-"),
            _gene("GENE3", "GAMMA", 1_055_000, 1_095_000, "+"),
        ],
        "intervals": [peak, link],
        "qtl": _traits(pack),
        "effects": effects,
        "mutagenesis": [
            _window(pack, f"1:{_POSITION[3]}:A:G", "enformer", 1),
            _window(pack, f"1:{_POSITION[3]}:A:G", "chrombpnet", 2),
            _window(pack, f"1:{_POSITION[7]}:A:G", "enformer", 3),
        ],
    }
    return pack.text(header)


def _big_pack() -> str:
    """5,000 variants with QTL of all of them, 40 genes, 400 intervals in 20 contexts, one map of 200 bases."""
    pack, generator = _Pack(), np.random.default_rng(6)
    position = np.sort(generator.choice(np.arange(2_000_001, 3_000_000), N_BIG, replace=False))
    r = np.exp(-np.abs(position - 2_480_000) / 60_000) * generator.uniform(0.3, 1, N_BIG)
    p = np.abs(generator.normal(0, 60, N_BIG)) + 3500 * r**2
    pip = np.zeros(N_BIG)
    order = np.argsort(-p)
    pip[order[:40]] = np.exp(-np.arange(40) / 3) / 4
    sets = np.zeros(N_BIG)
    sets[order[:8]] = 1
    first = _association(pack, position, p, np.where(np.arange(N_BIG) % 9, r**2 * 254, 255), pip * 65534, sets)
    traits = []
    for number in range(6):
        arrays = {
            "step": pack.add(f"qtl_{number}_step", np.diff(np.arange(N_BIG), prepend=0), "u16"),
            "neg_log10_p": pack.add(f"qtl_{number}_p", p * generator.uniform(0.3, 0.6, N_BIG), "u16", 100, 65535),
        }
        gene = f"G{number * 5}"
        names = {"gene_id": gene, "phenotype_id": gene, "qtl": "catalogue", "tissue": "liver", "qtl_type": "eqtl"}
        traits.append({**names, "n": N_BIG, "posterior_h4": 0.9 - 0.1 * number, "exact": {}, "arrays": arrays})
    genes = [
        _gene(f"G{i}", f"SYMBOL{i}", s, s + 6000 + 1500 * (i % 11), "+-"[i % 2])
        for i, s in enumerate(range(2_004_000, 2_964_000, 24_000))
    ]
    intervals = [
        {"kind": ("open_chromatin", "link")[i % 2], "context": f"cell type {i % 20}", "start": s, "end": s + 1500}
        | {"gene": genes[i % 40]["symbol"] if i % 2 else None}
        for i, s in enumerate(range(2_003_000, 2_995_000, 2480))
    ]
    effects = [
        {"index": int(i), "model": "enformer", "scorer": "SAD", "track": f"track {k}", "value": float(v), "quantile": q}
        | {"status": "ok", "reason": ""}
        for k, i in enumerate(order[:40])
        for v, q in [(generator.normal(), float(generator.uniform()))]
    ]
    header = {
        "locus": BIG,
        "chromosome": "1",
        "start": 2_000_000,
        "end": 3_000_000,
        "lead": "1:1:A:G",
        "lead_index": int(order[0]),
        "n": N_BIG,
        "first": first,
        "credible_sets": [0],
        "note": "",
        "named": [
            {"index": int(i), "variant": f"1:{position[i]}:C:T", "rsid": None, "neg_log10_p": float(p[i]) / 100}
            | {"z_score": None, "r_lead": None, "pip": float(pip[i]), "credible_set": 0 if sets[i] else None}
            for i in order[:40]
        ],
        "signals": [],
        "colocalization": [],
        "colocalization_note": "No molecular trait was tested at this locus.",
        "statements": [],
        "genes": genes,
        "intervals": intervals,
        "qtl": traits,
        "effects": effects,
        "mutagenesis": [_window(pack, f"1:{position[order[0]]}:C:T", "enformer", 4)],
    }
    return pack.text(header)


def _locus_row(locus: str, start: int, end: int, *, has_pack: bool) -> dict[str, Any]:
    return {
        "locus": locus,
        "disease": "my_disease",
        "study": "study",
        "chromosome": "1",
        "start": start,
        "end": end,
        "lead_variant": f"1:{_POSITION[3]}:A:G",
        "lead_neg_log10_p": 40.0,
        "method": "susie",
        "status": "ok",
        "reason": "",
        "ld_verdict": "WARN",
        "ld_reason": "lambda 0.1",
        "locus_class": "clear",
        "top_gene": "ALPHA",
        "top_probability": 0.83,
        "margin": 0.7,
        "none_probability": 0.05,
        "abstains": False,
        "n_candidates": 2,
        "verdict": ["Clear in words.", f"ALPHA leads {_HOSTILE}."],
        "cautions": ["First caution.", f"Second caution {_HOSTILE}."],
        "has_pack": has_pack,
    }


def _candidate(locus: str, rank: int, gene_id: str, symbol: str, probability: float) -> dict[str, Any]:
    row = {"disease": "my_disease", "locus": locus, "locus_rank": rank, "gene_id": gene_id, "gene_symbol": symbol}
    row |= {"probability": probability, "log_odds": 1.5, "named": rank == 1, "status": "confident"}
    return {**row, "direction": 1.0 if rank == 1 else None, "contexts": "T_cell,liver" if rank == 1 else None}


def _target(rank: int, gene_id: str, symbol: str) -> dict[str, Any]:
    row = {"disease": "my_disease", "gene_rank": rank, "gene_id": gene_id, "gene_symbol": symbol, "probability": 0.5}
    return {**row, "status": "confident", "variants": None, "contexts": None, "parts": {}}


def _run_data() -> dict[str, Any]:
    loci = [
        _locus_row(SMALL, 1_000_000, 1_100_000, has_pack=True),
        _locus_row(BIG, 2_000_000, 3_000_000, has_pack=True),
        _locus_row(BARE, 5_000_000, 6_000_000, has_pack=False),
    ]
    candidates = [
        _candidate(SMALL, 1, "GENE1", "ALPHA", 0.83),
        _candidate(SMALL, 2, "GENE2", _HOSTILE, 0.12),
        *(_candidate(BIG, 1 + i, f"G{i * 5}", f"SYMBOL{i * 5}", 0.5 / (1 + i)) for i in range(5)),
    ]
    run = {"name": "test", "title": "Test", "version": "1", "created": "now"}
    targets = [_target(1, "GENE1", "ALPHA"), _target(2, "GENE2", _HOSTILE)]
    head = {"format": 1, "run": run, "diseases": [], "loci": loci, "targets": targets, "words": _WORDS}
    return {**head, "candidates": candidates, "evidence": {"columns": ["disease", "gene_id"], "rows": []}}


_CELLS = "(rows) => rows.map((row) => [...row.cells].map((cell) => cell.innerText))"


class _Visit(browsing.Visit):
    """The page of one locus."""

    def __init__(self, browser: "Browser", path: Path, locus: str) -> None:
        super().__init__(browser, path, f"#locus/{locus}")

    def ready(self) -> "_Visit":
        self.page.locator(".cautions").wait_for()
        return self

    def series(self, chart: str, name: str) -> list[Any]:
        """Data of one series of a chart, as ECharts holds it."""
        found = self.page.evaluate(
            "([chart, id]) => L2T.charts[chart].getOption().series.find((each) => each.id === id)?.data ?? null",
            [chart, name],
        )
        assert found is not None, name
        return list(found)

    def points(self, chart: str, name: str) -> list[list[float]]:
        """All points of a panel in the colours of LD, by variant."""
        return sorted(
            (row for shade in range(6) for row in self.series(chart, f"{name}-ld-{shade}")), key=lambda row: row[2]
        )

    def zoom(self, chart: str = "tracks") -> list[list[float]]:
        """Bounds that each x axis of a chart shows."""
        return list(
            self.page.evaluate(
                "(chart) => L2T.charts[chart].getModel().queryComponents({mainType: 'xAxis'})"
                ".map((axis) => axis.axis.scale.getExtent())",
                chart,
            )
        )


@pytest.fixture(scope="module")
def page_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("locus_app") / "page.html"
    packs = {SMALL: _small_pack(), BIG: _big_pack()}
    path.write_text(render_app(_run_data(), packs, sections="", title="Test"))
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    with chromium() as opened:
        yield opened


@pytest.fixture
def visit(browser: "Browser", page_path: Path) -> Iterator[_Visit]:
    opened = _Visit(browser, page_path, SMALL).ready()
    yield opened
    opened.close()


def test_association_equals_the_pack(visit: _Visit) -> None:
    points = visit.points("tracks", "association")
    assert [row[0] for row in points] == _POSITION.tolist()
    assert [row[1] for row in points] == [_EXACT[i][0] if i in _EXACT else stored / 100 for i, stored in enumerate(_P)]
    assert [row[2] for row in points] == list(range(N_SMALL))


def test_colour_bins_and_missing_ld(visit: _Visit) -> None:
    bins = [[row[2] for row in visit.series("tracks", f"association-ld-{shade}")] for shade in range(6)]
    expected = [-1 if stored == 255 else min(4, math.floor(stored / 254 * 5)) for stored in _R2]
    expected[10] = -1  # the exact table has no LD there
    assert bins == [[i for i, each in enumerate(expected) if each == shade - 1] for shade in range(6)]
    colours = visit.page.evaluate(
        "() => L2T.charts.tracks.getOption().series.filter((each) => each.id.startsWith('association-ld'))"
        ".map((each) => each.itemStyle.color)"
    )
    assert bins[0] == [0, 5, 10, 11]
    assert colours[0] == "#7f8a96"
    assert len(set(colours)) == 6


def test_sets_lead_and_pip(visit: _Visit) -> None:
    assert [row[2] for row in visit.series("tracks", "association-set-1")] == [3, 7]
    assert [row[2] for row in visit.series("tracks", "association-set-2")] == [10]
    assert [row[2] for row in visit.series("tracks", "association-lead")] == [3]
    pips = [row for name in ("outside", "set-1", "set-2") for row in visit.series("tracks", f"pip-{name}")]
    packed = {i: v / 65534 for i, v in enumerate(_PIP.tolist()) if v != 65535}
    assert {row[2]: row[1] for row in pips} == packed | {i: pip for i, (_, _, pip) in _EXACT.items()}
    legend = visit.page.evaluate("() => L2T.charts.tracks.getOption().legend[0].data")
    assert legend[:2] == ["lead variant", "no LD"]
    assert legend[-2:] == ["credible set 1", "credible set 4"]


def _trait(gene: str) -> list[list[float]]:
    index, p = _QTL[gene]
    return [
        [int(_POSITION[i]), each / 100 + (0.0012 if i in _EXACT else 0), i] for i, each in zip(index, p, strict=True)
    ]


def test_choosing_a_gene_changes_track_and_scatter(visit: _Visit) -> None:
    for gene in ("GENE1", "GENE2"):
        visit.page.locator("select.gene").select_option(gene)
        assert visit.points("tracks", "trait") == _trait(gene)
        disease = {i: _EXACT[i][0] if i in _EXACT else _P[i] / 100 for i in range(N_SMALL)}
        assert visit.points("coloc", "coloc") == [[disease[row[2]], row[1], row[2]] for row in _trait(gene)]
    assert _HOSTILE in visit.page.locator(".chart-coloc figcaption").inner_text()
    assert f"{_HOSTILE}: candidate 2 of 2, probability 0.12" in visit.page.locator(".picked-gene").inner_text()
    assert visit.page.locator("img").count() == 0


def test_a_gene_without_qtl_has_no_association_to_show(visit: _Visit) -> None:
    visit.page.locator("select.gene").select_option("GENE3")
    assert (
        "GAMMA: no candidate of this locus; no QTL association of it" in visit.page.locator(".picked-gene").inner_text()
    )
    assert not visit.page.locator(".chart-coloc").is_visible()
    assert "No QTL association of GAMMA is in the page" in visit.page.locator(".locus-body").inner_text()
    assert len(visit.zoom()) == 5
    visit.page.locator("select.gene").select_option("GENE1")
    assert visit.page.locator(".chart-coloc").is_visible()
    assert visit.points("tracks", "trait") == _trait("GENE1")


def test_choosing_a_score_changes_the_effects(visit: _Visit) -> None:
    values = [row["value"][1] for row in visit.series("tracks", "effects")]
    assert values == [-1.5, 0.25]
    visit.page.get_by_label("Model and score").select_option(label="motifs · rank (1)")
    assert [row["value"] for row in visit.series("tracks", "effects")] == [[int(_POSITION[7]), 3.0125, 7]]


def test_all_tracks_zoom_together_and_keep_it(visit: _Visit) -> None:
    whole = visit.zoom()
    assert whole == [[1_000_000, 1_100_000]] * 6
    visit.page.get_by_role("button", name="+", exact=True).click()
    near = visit.zoom()
    assert near == [near[0]] * 6
    assert near[0][1] - near[0][0] == pytest.approx(60_000)
    visit.page.locator("select.gene").select_option("GENE2")
    assert visit.zoom() == near
    visit.page.get_by_role("button", name="Whole locus").click()
    assert visit.zoom() == whole


def test_wheel_zooms_only_with_control(visit: _Visit) -> None:
    box = visit.page.locator(".chart-tracks .chart").bounding_box()
    assert box is not None
    visit.page.mouse.move(box["x"] + 600, box["y"] + 120)
    visit.page.mouse.wheel(0, -200)
    visit.page.wait_for_timeout(200)
    assert visit.zoom()[0] == [1_000_000, 1_100_000]
    visit.page.keyboard.down("Control")
    visit.page.mouse.wheel(0, -200)
    visit.page.wait_for_timeout(200)
    visit.page.keyboard.up("Control")
    assert visit.zoom()[0][1] - visit.zoom()[0][0] < 100_000


def test_keyboard(visit: _Visit) -> None:
    chart = visit.page.locator(".chart-tracks .chart")
    chart.focus()
    visit.page.keyboard.press("+")
    before = visit.zoom()[0]
    visit.page.keyboard.press("ArrowRight")
    assert visit.zoom()[0][0] > before[0]
    visit.page.keyboard.press("Home")
    assert visit.zoom()[0] == [1_000_000, 1_100_000]
    visit.page.keyboard.press("ArrowDown")
    said = visit.page.locator(".picked-variant").inner_text()
    assert said == (
        f"rs3 1:{_POSITION[3]}:A:G: −log₁₀ p 40.0012 (p = {format_p_value(40.0012345)}); r² with the lead 0.997532; "
        "PIP 0.800001; Credible set 1"
    )
    assert visit.series("tracks", "picked-association") == [[int(_POSITION[3]), 40.0012345, 3]]
    visit.page.keyboard.press("ArrowDown")
    assert visit.page.locator(".picked-variant").inner_text().startswith("rs7 ")


def _pixel(visit: _Visit, grid: int, x: float, y: float) -> tuple[float, float]:
    """Place in the window of a point of one track."""
    chart = visit.page.locator(".chart-tracks .chart")
    chart.scroll_into_view_if_needed()
    visit.page.evaluate("() => document.querySelector('.chart-tracks .chart').scrollIntoView({block: 'start'})")
    inside = visit.page.evaluate(
        "([grid, x, y]) => L2T.charts.tracks.convertToPixel({gridIndex: grid}, [x, y])", [grid, x, y]
    )
    box = chart.bounding_box()
    assert box is not None
    return box["x"] + inside[0], box["y"] + inside[1]


def test_hover_gives_the_exact_numbers_of_named_variants(visit: _Visit) -> None:
    p, r, pip = _EXACT[7]
    visit.page.mouse.move(*_pixel(visit, 0, int(_POSITION[7]), p))
    tip = visit.page.locator(".chart-tip")
    tip.wait_for()
    words = tip.inner_text()
    expected = (f"rs7 1:{_POSITION[7]}:A:G", format_p_value(p), f"{p:.6g}", f"{r**2:.6g}", f"{pip:.6g}", "−5.4321")
    for each in expected:
        assert each in words
    assert "≈" not in words


def test_hover_says_what_is_rounded(visit: _Visit) -> None:
    visit.page.mouse.move(*_pixel(visit, 0, int(_POSITION[5]), _P[5] / 100))
    tip = visit.page.locator(".chart-tip")
    tip.wait_for()
    assert "1:1,048,000" in tip.inner_text()
    assert "≈ 1.20 (p ≈ 0.063)" in tip.inner_text()
    assert "not known" in tip.inner_text()
    assert "none: outside the LD panel or not fine-mapped" in tip.inner_text()


def test_hover_finds_one_of_5000_variants(browser: "Browser", page_path: Path) -> None:
    visit = _Visit(browser, page_path, BIG).ready()
    drawn = visit.points("tracks", "association")
    x, y, _ = next(row for row in drawn if row[1] > 20)
    visit.page.mouse.move(*_pixel(visit, 0, x, y))
    tip = visit.page.locator(".chart-tip")
    tip.wait_for()
    assert f"1:{int(x):,}" in tip.inner_text() or f"1:{int(x)}:C:T" in tip.inner_text()
    visit.close()


def test_click_on_a_gene_picks_it_and_leads_to_its_page(visit: _Visit) -> None:
    lane = next(row[1] for row in visit.series("tracks", "genes") if row[0] == 1_050_000)
    visit.page.mouse.click(*_pixel(visit, 2, 1_060_000, lane + 0.68))
    visit.page.wait_for_timeout(100)
    assert visit.points("tracks", "trait") == _trait("GENE2")
    assert visit.page.locator("select.gene").input_value() == "GENE2"
    link = visit.page.locator(".picked-gene a")
    assert (link.inner_text(), link.get_attribute("href")) == (_HOSTILE, "#gene/my_disease/GENE2")


def test_click_on_a_variant_picks_it_everywhere_and_in_the_address(visit: _Visit) -> None:
    visit.page.mouse.click(*_pixel(visit, 0, int(_POSITION[7]), _EXACT[7][0]))
    visit.page.locator(".picked-effects table").wait_for()
    key = f"1:{_POSITION[7]}:A:G"
    assert visit.page.evaluate("() => decodeURIComponent(location.hash)") == f"#locus/{SMALL}/{key}"
    position = int(_POSITION[7])
    assert visit.series("tracks", "picked-association") == [[position, _EXACT[7][0], 7]]
    assert visit.series("tracks", "picked-pip") == [[position, _EXACT[7][2], 7]]
    assert visit.series("tracks", "picked-trait") == [[position, 19.0012, 7]]
    assert visit.series("tracks", "picked-effects") == [[position, 0.25, 7]]
    assert visit.series("coloc", "picked-coloc") == [[_EXACT[7][0], 19.0012, 7]]
    assert visit.page.get_by_label("Variant", exact=True).input_value() == key
    lines = visit.page.evaluate(
        "() => L2T.charts.tracks.getOption().series.filter((each) => each.id.startsWith('picked-'))"
        ".map((each) => each.markLine.data)"
    )
    assert lines == [[{"xAxis": position}]] * 6
    effects = visit.page.locator(".picked-effects tbody tr").evaluate_all(_CELLS)
    assert effects == [
        ["enformer", "SAD", "–", "–", "+0.25", "50.0% of background changes are smaller", "ok"],
        ["motifs", "rank", "ETS1", "ALPHA", "+3.0125", "no background", "ok"],
    ]


def test_address_of_a_variant_picks_and_zooms(browser: "Browser", page_path: Path) -> None:
    visit = _Visit(browser, page_path, f"{SMALL}/1%3A{_POSITION[10]}%3AA%3AG").ready()
    assert visit.page.locator(".picked-variant").inner_text().startswith(f"rs10 1:{_POSITION[10]}:A:G")
    (low, high), *others = visit.zoom()
    assert low < _POSITION[10] < high
    assert high - low < 100_000
    assert others == [[low, high]] * 5
    (row,) = visit.page.locator(".picked-effects tbody tr").evaluate_all(_CELLS)
    assert row == ["motifs", "rank", "–", "–", "–", "–", f"no sequence: N there {_HOSTILE}"]
    visit.close()


def test_address_of_an_unknown_variant_says_so(browser: "Browser", page_path: Path) -> None:
    visit = _Visit(browser, page_path, f"{SMALL}/%3Cimg%20src%3Dx%3E").ready()
    assert "does not name a variant “<img src=x>”" in visit.page.locator(".locus-body .message").inner_text()
    assert visit.page.locator(".picked-variant").inner_text() == "No variant picked."
    assert visit.zoom()[0] == [1_000_000, 1_100_000]
    visit.close()


def test_hostile_gene_name_stays_text(visit: _Visit) -> None:
    row = next(row for row in visit.series("tracks", "genes") if row[0] == 1_050_000)
    visit.page.mouse.move(*_pixel(visit, 2, 1_060_000, row[1] + 0.68))
    tip = visit.page.locator(".chart-tip")
    tip.wait_for()
    assert _HOSTILE in tip.inner_text()
    assert visit.page.locator("img").count() == 0


def test_mutagenesis_equals_the_pack(visit: _Visit) -> None:
    for seed, variant, model in ((1, 3, "enformer"), (2, 3, "chrombpnet"), (3, 7, "enformer")):
        visit.page.get_by_label("Variant", exact=True).select_option(f"1:{_POSITION[variant]}:A:G")
        visit.page.get_by_label("Model", exact=True).select_option(f"{model} · logSED")
        pack = _Pack()
        window = _window(pack, f"1:{_POSITION[variant]}:A:G", model, seed)
        values, track, heights = (
            np.frombuffer(pack.content, _DTYPES[each["dtype"]], each["length"], each["offset"]).astype(float)
            for each in pack.entries
        )
        cells = {(row[0], row[1]): row[2:] for row in visit.series("mutagenesis", "cells")}
        assert cells == {
            (window["start"] + 1 + place // 4, place % 4): [values[place], track[place]]
            for place in np.flatnonzero(~np.isnan(values)).tolist()
        }
        logo = [row[1] for row in visit.series("mutagenesis", "logo")]
        assert logo[3:] == heights[3:].tolist()
        assert all(value is None or math.isnan(value) for value in logo[:3])
        assert len(visit.series("mutagenesis", "motifs")) == 2
        assert f"Largest change of window {seed}." in visit.page.locator(".chart-mutagenesis figcaption").inner_text()


def test_hover_names_the_track_of_a_substitution(visit: _Visit) -> None:
    cell = next(row for row in visit.series("mutagenesis", "cells") if row[3] == 1)
    chart = visit.page.locator(".chart-mutagenesis .chart")
    chart.scroll_into_view_if_needed()
    inside = visit.page.evaluate(
        "([x, y]) => L2T.charts.mutagenesis.convertToPixel({gridIndex: 2}, [x, y])", [cell[0], cell[1]]
    )
    box = chart.bounding_box()
    assert box is not None
    visit.page.mouse.move(box["x"] + inside[0], box["y"] + inside[1])
    tip = visit.page.locator(".chart-tip")
    tip.wait_for()
    assert _HOSTILE in tip.inner_text()
    assert f"1:{cell[0]:,}" in tip.inner_text()
    assert visit.page.locator("img").count() == 0


def test_words_for_those_who_do_not_see(visit: _Visit) -> None:
    charts = visit.page.locator(".chart")
    assert charts.count() == 3
    for chart in charts.all():
        assert len(chart.get_attribute("aria-label") or "") > 60
        assert chart.get_attribute("tabindex") == "0"
    tables = visit.page.locator("figure details table")
    assert tables.count() == 4  # top variants, top of the trait, largest changes, motifs


def test_top_variants_in_exact_numbers(visit: _Visit) -> None:
    visit.page.locator(".chart-tracks summary").click()
    rows = visit.page.locator(".chart-tracks details tbody tr").evaluate_all(_CELLS)
    for index, row in zip((3, 7, 10), rows, strict=False):
        p, r, pip = _EXACT[index]
        assert row[:5] == [
            f"rs{index} 1:{_POSITION[index]}:A:G",
            f"1:{_POSITION[index]:,}",
            f"{p:.6g} (p = {format_p_value(p)})",
            "not known" if r is None else f"{r**2:.6g}",
            f"{pip:.6g}",
        ]
    assert [row[6] for row in rows[:3]] == ["–", "−5.4321", "–"]
    visit.page.locator(".chart-coloc summary").click()
    rows = visit.page.locator(".chart-coloc details tbody tr").evaluate_all(_CELLS)
    assert rows[0] == [
        f"rs3 1:{_POSITION[3]}:A:G",
        f"25.0012 (p = {format_p_value(25.0012)})",
        f"40.0012 (p = {format_p_value(40.0012)})",
        "0.800001",
    ]
    assert rows[3] == ["1:1,040,000", "≈ 5.00 (p ≈ 1.0×10⁻⁵)", "≈ 7.30 (p ≈ 5.0×10⁻⁸)", "≈ 0.0006"]


def test_facts_and_cautions_are_those_of_the_run_data(visit: _Visit) -> None:
    assert visit.page.locator("h1").inner_text() == "1:1,000,001–1,100,000"
    words = visit.page.locator(".locus-page").inner_text()
    verdict = f"Clear in words. ALPHA leads {_HOSTILE}."
    for expected in (
        "LD WARN",
        "LD fits in part. lambda 0.1",
        verdict,
        "−log₁₀ p 40 (p = 1.0×10⁻⁴⁰)",
        "locus 1 of 3 of",
    ):
        assert expected in words
    assert visit.page.locator(".badge", has_text="clear").get_attribute("title") == "Clear in words."
    cautions = visit.page.locator(".cautions li").all_inner_texts()
    assert cautions == ["First caution.", f"Second caution {_HOSTILE}."]
    assert "Not drawn: 2 genes." in visit.page.locator(".chart-tracks figcaption").inner_text()


def test_candidates_with_direction_and_tissues(visit: _Visit) -> None:
    rows = visit.page.locator(".columns tbody tr").evaluate_all(_CELLS)
    assert rows == [
        ["1", "ALPHA", "0.83", "+1.50", "▲ more", "T cell, liver", "yes"],
        ["2", _HOSTILE, "0.12", "+1.50", "–", "–", "no"],
        ["3", "none of these", "0.05", "", "", "", ""],
    ]
    links = visit.page.locator(".columns a").evaluate_all("(links) => links.map((each) => each.getAttribute('href'))")
    assert links == ["#gene/my_disease/GENE1", "#gene/my_disease/GENE2"]


def test_signals_equal_the_pack(visit: _Visit) -> None:
    rows = visit.page.locator(".locus-signals tbody tr").evaluate_all(_CELLS)
    best = f"1:{_POSITION[7]:,} A>G"
    assert rows == [
        ["0", "abf", "no", best, "51.7", "2", "0.96", "–", "ok", "–"],
        ["1", "susie", "yes", best, "51.7", "2", "0.96", "0.93", "ok", "–"],
        ["4", "susie", "yes", best, "51.7", "2", "0.96", "–", "ok", _HOSTILE],
    ]
    titles = visit.page.locator(".locus-signals tbody [title]").evaluate_all("(all) => all.map((each) => each.title)")
    assert titles.count("51.734") == 3
    visit.page.locator(".locus-signals tbody a").first.click()
    assert visit.page.locator(".picked-variant").inner_text().startswith("rs7 ")


def test_colocalization_equals_the_pack(visit: _Visit) -> None:
    section = visit.page.locator(".locus-colocalization")
    assert "7 pairs, 3 with a posterior." in section.inner_text()
    rows = section.locator("tbody tr").evaluate_all(_CELLS)
    names = ["catalogue", "whole blood", "eqtl", "1", "0"]
    first, second, third = rows
    best = f"1:{_POSITION[7]:,} A>G"
    alike = ["abf", "812"]
    tail = ["▲ more", "0.457", best, "–"]
    assert first == ["ALPHA", "show", *names, "yes", *alike, *["0.02"] * 4, "0.91", "1.2×10⁻⁶ – 1×10⁻⁴", *tail]
    assert second[:2] == [_HOSTILE, "show"]
    assert second[10:17] == ["0.10", "0.10", "0.10", "0.10", "0.61", "–", "▼ less"]
    assert third[:2] == ["FAR", ""]
    assert third[7] == "no"
    assert third[-2:] == ["1:7 A>G", f"shares with too much {_HOSTILE}"]
    for number, cell in enumerate(section.locator("tbody tr").first.locator(".num [title]").all()[:5]):
        assert float(cell.get_attribute("title") or "") == _PAIRS[0][f"posterior_h{number}"]
    section.get_by_role("button", name="show").nth(1).click()
    assert visit.points("tracks", "trait") == _trait("GENE2")


def test_the_locus_as_a_whole(visit: _Visit) -> None:
    rows = visit.page.locator(".locus-statements tbody tr").evaluate_all(_CELLS)
    assert rows == [["Enhancer link", "no annotation", f"No links. {_HOSTILE}"]]
    assert visit.page.locator("img").count() == 0


def test_next_locus_disposes_charts(visit: _Visit) -> None:
    visit.page.evaluate("() => { window.old = Object.values(L2T.charts); }")
    visit.page.get_by_role("link", name="next locus").click()
    visit.page.locator("h1", has_text="1:2,000,001").wait_for()
    visit.ready()
    assert visit.page.evaluate("() => window.old.map((chart) => chart.isDisposed())") == [True] * 3
    assert len(visit.points("tracks", "association")) == N_BIG


def test_locus_without_a_pack(browser: "Browser", page_path: Path) -> None:
    visit = _Visit(browser, page_path, BARE).ready()
    assert "they are in the run's tables" in visit.page.locator(".locus-body").inner_text()
    assert visit.page.locator(".chart").count() == 0
    visit.close()


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_images_are_kept(visit: _Visit, kind: str) -> None:
    for name in ("tracks", "coloc", "mutagenesis"):
        with visit.page.expect_download() as waiting:
            visit.page.locator(f".chart-{name}").get_by_role("button", name=kind.upper()).click()
        content = Path(waiting.value.path()).read_bytes()
        assert waiting.value.suggested_filename == f"{SMALL}.{name}.{kind}"
        assert content.startswith({"png": b"\x89PNG", "svg": b"<svg"}[kind])
        assert len(content) > 5000
        if kind == "svg":
            assert ElementTree.fromstring(content).tag.endswith("svg")  # noqa: S314  we wrote it


def test_no_sideways_scrolling(visit: _Visit) -> None:
    for width in (1366, 1024, 400):
        visit.page.set_viewport_size({"width": width, "height": 768})
        visit.page.wait_for_timeout(300)
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
        assert visit.page.locator(".chart-tracks canvas").first.bounding_box()["width"] <= width


@pytest.fixture(scope="module")
def toy_tables(toy_run: ToyRun) -> RunTables:
    return load_run_tables(**toy_run.inputs)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def toy_page(toy_tables: RunTables, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the toy run: the browser and the test read the same tables, in their own ways."""
    folder = tmp_path_factory.mktemp("toy_page")
    association = {"neg_log10_p": 20.123456, "gene_id": gene_id(0), "phenotype_id": gene_id(0), "tissue": "Whole blood"}
    rows = [{**variant_at(index, "22"), "ref_verified": True, **association} for index in (598, 600, 700)]
    write_table(schemas.QTL.frame(rows), folder / "qtl.parquet", schemas.QTL)
    packs = pack_loci(toy_tables, BesideTables({"blood_eqtl": folder / "qtl.parquet"}))
    data = run_data(toy_tables, RunFacts("toy", "Toy", "today"), packed=packs.keys())
    path = folder / "report.html"
    path.write_text(render_app(data, packs, sections="", title="Toy"))
    return path


def test_numbers_of_the_page_are_those_of_the_tables(browser: "Browser", toy_page: Path, toy_tables: RunTables) -> None:
    visit = _Visit(browser, toy_page, "alpha_strong").ready()
    page = visit.page
    (own,) = toy_tables.credible_sets.read(only={"locus": ["alpha_strong"]})
    own = own.set_index("variant")
    page.locator(".chart-tracks summary").click()
    rows = page.locator(".chart-tracks details tbody tr").evaluate_all(_CELLS)
    assert len(rows) == 15
    for name, _, p, r2, pip, _, z in rows[:7]:  # those that the page names, by PIP
        row = own.loc[name.split()[1]]
        assert p == f"{row['neg_log10_p']:.6g} (p = {format_p_value(row['neg_log10_p'])})"
        assert r2 == ("not known" if math.isnan(row["r_lead"]) else f"{row['r_lead'] ** 2:.6g}")
        assert (pip, z) == (f"{row['pip']:.6g}", f"{row['z_score']:.6g}")
    pairs = toy_tables.colocalization.dropna(subset="posterior_h4").sort_values("posterior_h4", ascending=False)
    shown = page.locator(".locus-colocalization tbody tr").evaluate_all(
        "(rows) => rows.map((row) => [...row.querySelectorAll('.num [title]')].slice(0, 5).map((each) => each.title))"
    )
    assert [[float(each) for each in row] for row in shown] == pairs[
        [f"posterior_h{number}" for number in range(5)]
    ].to_numpy().tolist()  # fmt: skip
    candidates = toy_tables.locus_genes[toy_tables.locus_genes["locus"] == "alpha_strong"].sort_values("locus_rank")
    exact = page.locator(".columns tbody tr").evaluate_all(
        "(rows) => rows.map((row) => row.querySelector('[title]').title)"
    )
    assert [float(each) for each in exact] == candidates["probability"].tolist()
    assert page.locator(".cautions li").all_inner_texts() == list(locus_cautions(toy_tables)["alpha_strong"])
    verdict = locus_verdict(toy_tables.locus_classes, "alpha_strong").sentences
    assert page.locator(".locus-facts dd").first.inner_text() == " ".join(verdict)
    first = page.locator(".chart-coloc details tbody tr")
    assert page.evaluate("() => L2T.charts.coloc.getOption().series.find(({id}) => id === 'coloc-lead').data") == [
        [25.3, 20.123456, 600]
    ]
    assert first.count() == 3
    visit.close()


@pytest.mark.parametrize("locus", ["alpha_sparse", "alpha_mhc", "beta_unsigned", "beta_quiet", "gamma_2020__none"])
def test_every_kind_of_locus_has_a_page(browser: "Browser", toy_page: Path, toy_tables: RunTables, locus: str) -> None:
    visit = _Visit(browser, toy_page, locus).ready()
    assert visit.page.locator(".cautions li").all_inner_texts() == list(locus_cautions(toy_tables)[locus])
    visit.close()
