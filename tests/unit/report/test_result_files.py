"""The folder to send: every row once, every file named, every column described, every checksum right."""

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
from report_run import DISEASES, Rendered, ToyRun

import export_results
from locus2target.core import schemas
from locus2target.core.tables import read_table, read_tables, write_table
from locus2target.report.result_files import RESULT_TABLES, copy_figures, write_result_tables

NAMES = [table.name for table in RESULT_TABLES]


@dataclass(frozen=True)
class Exported:
    folder: Path
    sources: dict[str, list[str]]

    @property
    def files(self) -> set[str]:
        return {path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*") if path.is_file()}

    @property
    def readme(self) -> str:
        return (self.folder / "README.md").read_text()


@pytest.fixture(scope="module")
def exported(toy_run: ToyRun, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    made = tmp_path_factory.mktemp("made")
    edges = made / "edges.parquet"
    write_table(schemas.NETWORK_EDGES.empty(), edges, schemas.NETWORK_EDGES)
    given = {**toy_run.inputs, "network": [str(edges)]}
    sources = {name: [given[name]] if isinstance(given[name], str) else list(given[name]) for name in NAMES}
    loci, networks = {}, []
    for disease in DISEASES:
        (made / disease).mkdir()
        (made / disease / ".snakemake_timestamp").touch()
        loci[disease] = str(made / disease)
        for form in ("svg", "png"):
            (made / disease / f"{disease}_locus.{form}").write_text(form)
            networks.append(str(made / f"{disease}.{form}"))
            Path(networks[-1]).write_text(f"network {form}")
    for name in ("report.html", "summary.json"):
        (made / name).write_text(name)
    folder = tmp_path_factory.mktemp("exported")
    export_results.main(
        sources=sources,
        locus_figures=loci,
        networks=networks,
        report=str(made / "report.html"),
        summary=str(made / "summary.json"),
        readme=str(folder / "README.md"),
        sums=str(folder / "SHA256SUMS"),
        report_copy=str(folder / "report.html"),
        summary_copy=str(folder / "summary.json"),
        tables=str(folder / "tables"),
        figures=str(folder / "figures"),
        run_name="toy",
        build="GRCh37",
    )
    return Exported(folder, sources)


def test_every_row_is_in_the_folder_once(exported: Exported) -> None:
    for table in RESULT_TABLES:
        source = read_tables(exported.sources[table.name], table.schema)
        wanted = len(source) if table.needs is None else int(source[table.needs].notna().sum())
        paths = [exported.folder / "tables" / f"{disease}.{table.name}.parquet" for disease in DISEASES]
        parts = [read_table(path, table.schema) for path in paths]
        assert sum(map(len, parts)) == wanted, table.name
        for disease, part in zip(DISEASES, parts, strict=True):
            assert set(part["disease"]) <= {disease}


def test_tsv_holds_the_rows_of_the_parquet_file(exported: Exported) -> None:
    for disease in DISEASES:
        for table in RESULT_TABLES:
            stem = exported.folder / "tables" / f"{disease}.{table.name}"
            rows = read_table(f"{stem}.parquet", table.schema)
            text = pd.read_csv(f"{stem}.tsv", sep="\t", keep_default_na=False, na_values=[""], dtype=str)
            assert list(text.columns) == table.schema.names
            assert len(text) == len(rows)
            for column in table.schema.columns:
                if column.type == "float64" and len(rows):
                    numbers = pd.to_numeric(text[column.name])
                    pd.testing.assert_series_equal(numbers, rows[column.name], rtol=1e-5, check_dtype=False)


def test_only_variants_of_credible_sets_and_all_of_them(exported: Exported) -> None:
    source = read_tables(exported.sources["credible_sets"], schemas.CREDIBLE_SETS)
    inside = source[source["credible_set"].notna()]
    assert 0 < len(inside) < len(source)
    shipped = pd.concat(
        read_table(exported.folder / "tables" / f"{disease}.credible_sets.parquet", schemas.CREDIBLE_SETS)
        for disease in DISEASES
    )
    keys = ["locus", "variant", "pip"]
    assert set(shipped[keys].itertuples(index=False)) == set(inside[keys].itertuples(index=False))


def test_readme_names_every_file_and_no_other(exported: Exported) -> None:
    named = set(re.findall(r"^\| `([^`]+)` \|", exported.readme.split("## Tables")[0], re.MULTILINE)) | {"README.md"}
    promised = {
        path.replace("DISEASE", disease).replace("LOCUS", f"{disease}_locus").replace("TABLE", table)
        for entry in named
        for path in _forms(entry)
        for disease in DISEASES
        for table in NAMES
    }
    assert promised == exported.files


def _forms(entry: str) -> list[str]:
    """`x.svg, .png` is two files."""
    first, *others = entry.split(", ")
    return [first, *(str(Path(first).with_suffix(other)) for other in others)]


def test_readme_describes_every_column_as_the_schema_does(exported: Exported) -> None:
    parts = dict(re.findall(r"^### (\w+)\n(.*?)(?=^##|\Z)", exported.readme, re.MULTILINE | re.DOTALL))
    assert list(parts) == NAMES
    for table in RESULT_TABLES:
        rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \| (.*)$", parts[table.name], re.MULTILINE)
        assert [name for name, *_ in rows] == table.schema.names
        assert table.schema.row in parts[table.name]
        for column, (_, kind, rest) in zip(table.schema.columns, rows, strict=True):
            assert column.description.replace("|", r"\|") in rest
            assert column.unit in rest
            assert ("possible" in rest.split(" | ")[1]) == column.nullable
            assert (kind == "text") == (column.type in {"string", "category"})


def test_readme_counts_rows(exported: Exported) -> None:
    lines = exported.readme.split("Rows per disease:")[1].strip().splitlines()
    head = [cell.strip() for cell in lines[0].strip("|").split("|")]
    assert head == ["disease", *NAMES]
    for line, disease in zip(lines[2:], DISEASES, strict=False):
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        assert cells[0] == disease
        own = read_table(exported.folder / "tables" / f"{disease}.evidence.parquet", schemas.EVIDENCE)
        assert int(cells[head.index("evidence")]) == len(own)


def test_checksums_are_right_and_of_all_files(exported: Exported) -> None:
    lines = (exported.folder / "SHA256SUMS").read_text().splitlines()
    listed = {path: digest for digest, path in (line.split("  ", 1) for line in lines)}
    assert set(listed) == exported.files - {"SHA256SUMS"}
    for path, digest in listed.items():
        assert hashlib.sha256((exported.folder / path).read_bytes()).hexdigest() == digest


def test_rows_of_loci_are_in_the_order_of_the_genome(tmp_path: Path) -> None:
    places = {"b": ("10", 5), "a": ("2", 900), "c": ("2", 30), "x": ("X", 1)}
    common = dict.fromkeys(schemas.LOCI.names, "") | {"n_variants": 1, "n_leads": 1, "disease": "d", "end": 10_000}
    loci = [{**common, "locus": name, "chromosome": place[0], "start": place[1]} for name, place in places.items()]
    classes = [
        {"disease": "d", "locus": name, "locus_class": "clear", "n_candidates": 1, "n_named": 1, "abstains": False}
        | {"status": "ok", "reason": ""}
        for name in places
    ]
    sources = {table.name: [str(tmp_path / f"{table.name}.parquet")] for table in RESULT_TABLES}
    for table in RESULT_TABLES:
        rows = {"loci": loci, "locus_classes": classes}.get(table.name, [])
        cells = [{key: value for key, value in row.items() if key != "lead_neg_log10_p"} for row in rows]
        write_table(table.schema.frame(cells), sources[table.name][0], table.schema)
    counts = write_result_tables(tmp_path / "out", sources, diseases=["d", "none"])
    for name in ("loci", "locus_classes"):
        table = next(table for table in RESULT_TABLES if table.name == name)
        assert read_table(tmp_path / "out" / f"d.{name}.parquet", table.schema)["locus"].tolist() == list("cabx")
        assert counts[name] == {"d": 4, "none": 0}


def test_figures_keep_their_names_and_networks_say_what_they_are(tmp_path: Path) -> None:
    source = tmp_path / "source" / "d"
    source.mkdir(parents=True)
    (source / "l.svg").write_text("locus")
    (source / ".snakemake_timestamp").touch()
    (tmp_path / "d.png").write_text("network")
    target = tmp_path / "target"
    target.mkdir()
    copy_figures(target, {"d": str(source)}, [str(tmp_path / "d.png")])
    found = {path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file()}
    assert found == {"d/l.svg", "d.network.png"}


def test_readme_documents_every_key_of_the_summary(exported: Exported, rendered: Rendered) -> None:
    data = json.loads(rendered.summary.read_text())
    section = exported.readme.split("## summary.json")[1]
    documented = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", section, re.MULTILINE))
    assert list(documented) == list(data)
    for key in ("run", "diseases"):
        entry = data[key] if key == "run" else data[key][0]
        assert set(entry) <= set(re.findall(r"`(\w+)`", documented[key]))
    columns = {*schemas.LOCI.names, *schemas.FINE_MAPPING.names, *schemas.LOCUS_CLASSES.names}
    assert set(data["loci"][0]) - columns <= set(re.findall(r"`(\w+)`", documented["loci"]))
    assert data["evidence"]["columns"] == schemas.EVIDENCE.names
    assert set(data["targets"][0]) == set(schemas.TARGETS.names)
