import re
import struct
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from report_run import HOSTILE, ToyRun

import plot_locus
from locus2target.report.figures import atomic_directory

_SVG = "{http://www.w3.org/2000/svg}"


def _plot(run: ToyRun, number: int, disease: str, figures: Path) -> Path:
    shared = {name: run.inputs[name] for name in ("loci", "credible_sets", "fine_mapping", "genes", "exons")}
    locus_genes = run.inputs["locus_genes"][number]
    settings = {"loci_per_disease": 3}
    plot_locus.main(**shared, locus_genes=locus_genes, figures=str(figures), disease=disease, settings=settings)
    return figures


def _texts(path: Path) -> list[str]:
    return ["".join(text.itertext()) for text in ET.parse(path).iter(f"{_SVG}text")]  # noqa: S314  our own file


@pytest.fixture(scope="module")
def alpha(toy_run: ToyRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _plot(toy_run, 0, "alpha", tmp_path_factory.mktemp("figures") / "alpha")


def test_one_figure_per_analysed_locus(alpha: Path) -> None:
    names = [f"{locus}.{form}" for locus in ("alpha_sparse", "alpha_strong") for form in ("png", "svg")]
    assert sorted(path.name for path in alpha.iterdir()) == names


def test_png_is_the_svg_at_200_dots_per_inch(alpha: Path) -> None:
    """SVG is in points, 72 to the inch."""
    header = (alpha / "alpha_strong.png").read_bytes()[:24]
    assert header[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", header[16:24])
    root = ET.parse(alpha / "alpha_strong.svg").getroot()  # noqa: S314  our own file
    points = [float(root.attrib[side].removesuffix("pt")) for side in ("width", "height")]
    assert width == pytest.approx(points[0] / 72 * 200, abs=1)
    assert height == pytest.approx(points[1] / 72 * 200, abs=1)
    assert width > 1500


def test_figure_says_method_and_ld_verdict(alpha: Path) -> None:
    strong, sparse = ("\n".join(_texts(alpha / f"alpha_{name}.svg")) for name in ("strong", "sparse"))
    assert "fine-mapping susie · LD PASS" in strong
    assert "fine-mapping abf · LD NONE: Only 8%" in sparse
    assert re.search(r"[\d,]+ of 1,500 variants drawn", strong)


def test_hostile_gene_name_stays_text(alpha: Path) -> None:
    assert any(HOSTILE in text for text in _texts(alpha / "alpha_strong.svg"))


def test_same_input_gives_same_bytes(toy_run: ToyRun, alpha: Path, tmp_path: Path) -> None:
    again = _plot(toy_run, 0, "alpha", tmp_path / "again")
    for name in ("alpha_strong.svg", "alpha_strong.png"):
        assert (again / name).read_bytes() == (alpha / name).read_bytes()


def test_disease_without_loci_gets_a_figure_that_says_so(toy_run: ToyRun, tmp_path: Path) -> None:
    folder = _plot(toy_run, 2, "gamma", tmp_path / "gamma")
    assert sorted(path.name for path in folder.iterdir()) == ["no_loci.png", "no_loci.svg"]
    assert any("no analysed locus" in text for text in _texts(folder / "no_loci.svg"))


def test_failed_folder_leaves_the_old_one(tmp_path: Path) -> None:
    target = tmp_path / "figures"
    target.mkdir()
    (target / "old.svg").write_text("old")
    with pytest.raises(RuntimeError), atomic_directory(target) as folder:  # noqa: PT012  the body is what fails
        (folder / "new.svg").write_text("new")
        raise RuntimeError
    assert [path.name for path in target.iterdir()] == ["old.svg"]
    assert list(tmp_path.iterdir()) == [target]


def test_new_folder_replaces_the_old_one(tmp_path: Path) -> None:
    target = tmp_path / "figures"
    target.mkdir()
    (target / "old.svg").write_text("old")
    with atomic_directory(target) as folder:
        (folder / "new.svg").write_text("new")
    assert [path.name for path in target.iterdir()] == ["new.svg"]
