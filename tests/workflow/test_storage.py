"""Remote inputs: fetched from servers on this machine, they give the tables that local files give."""

import hashlib
import json
import shutil
import socket
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from running import ENVIRONMENT, planned_jobs, run_snakemake
from test_bad_input import edit_config, edit_sheet, refused
from toy import SHEETS, Toy, write_sheet

from locus2target.core import schemas
from locus2target.core.tables import read_table

pytest.importorskip("snakemake_storage_plugin_http", reason="`./run test` installs it")
pytestmark = [pytest.mark.workflow, pytest.mark.xdist_group("storage")]
CONFIG = ("--cores", "2", "--configfile", "config/config.yaml")
BATCHES = ("1-of-2", "2-of-2")
TABLES = {
    "results/annotate_genes/genes.parquet": schemas.GENES,
    "results/harmonize_sumstats/toy_gwas.parquet": schemas.SUMSTATS,
    "results/harmonize_qtl/toy_eqtl.parquet": schemas.QTL,
    **{f"results/finemap_loci/{batch}.fine_mapping.parquet": schemas.FINE_MAPPING for batch in BATCHES},
    **{f"results/finemap_loci/{batch}.credible_sets.parquet": schemas.CREDIBLE_SETS for batch in BATCHES},
}
CHECKS = ("results/check_run/plan.txt", "results/record_run/manifest.json")


class QuietHandler(SimpleHTTPRequestHandler):
    """Files of a folder, by GET and HEAD."""

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002  as the base class names it
        """Say nothing."""


@pytest.fixture(scope="module")
def address(toy: Toy) -> Iterator[str]:
    """The toy's data on an HTTP server."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(toy.directory / "data"))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def local_tables(toy: Toy, tmp_path_factory: pytest.TempPathFactory) -> dict[str, pd.DataFrame]:
    """What local files give."""
    directory = tmp_path_factory.mktemp("local")
    write_run(toy, directory, str(toy.directory / "data"))
    run_snakemake(directory, *TABLES, *CONFIG)
    return {path: read_table(directory / path, schema) for path, schema in TABLES.items()}


def write_run(toy: Toy, directory: Path, place: str) -> None:
    """The toy run with one study, its data at another place."""
    shutil.copytree(toy.directory / "config", directory / "config")

    def move(config: dict[str, dict[str, object]]) -> None:
        config["genome"].update(fasta=f"{place}/genome.fa", gtf=f"{place}/genes.gtf")
        config["mendelian_randomization"]["pairs"] = []

    edit_config(directory, move)
    for name in ("studies", "cohorts", "qtls"):
        row = {key: str(value).replace("data/", f"{place}/") for key, value in SHEETS[name][0].items()}
        write_sheet(directory / "config" / f"{name}.tsv", name, [row])
    write_sheet(directory / "config" / "models.tsv", "models", SHEETS["models"][:1])


def assert_same_tables(directory: Path, expected: dict[str, pd.DataFrame]) -> None:
    for path, table in expected.items():
        pd.testing.assert_frame_equal(read_table(directory / path, TABLES[path]), table)


def copies_in(directory: Path) -> set[str]:
    return {path.name for path in (directory / ".snakemake" / "storage").rglob("*") if path.is_file()}


# ---- runs ----------------------------------------------------------------------------------------------------------


def test_files_from_http_give_the_same_tables(
    toy: Toy, address: str, local_tables: dict[str, pd.DataFrame], tmp_path: Path
) -> None:
    write_run(toy, tmp_path, address)
    run_snakemake(tmp_path, *TABLES, *CHECKS, *CONFIG)
    assert_same_tables(tmp_path, local_tables)
    assert copies_in(tmp_path) == {"genome.fa"}  # results link to it; other copies go with the last job that needs them
    plan = (tmp_path / CHECKS[0]).read_text()
    assert "toy_cohort 400" in plan
    assert any("300 rows" in line and f"{address}/gwas.tsv.gz" in line for line in plan.splitlines())
    manifest = json.loads((tmp_path / CHECKS[1]).read_text())
    inputs = {entry["path"]: entry for entry in manifest["inputs"]}
    for name in ("gwas.tsv.gz", "qtl.tsv.gz", "cohort.vcf.gz", "cohort.vcf.gz.tbi", "genome.fa", "genes.gtf"):
        expected = hashlib.sha256((toy.directory / "data" / name).read_bytes()).hexdigest()
        assert inputs[f"{address}/{name}"]["sha256"] == expected
    assert manifest["sheets"]["studies"]["toy_gwas"]["path"] == f"{address}/gwas.tsv.gz"
    assert manifest["config"]["genome"]["fasta"] == f"{address}/genome.fa"
    again = run_snakemake(tmp_path, *TABLES, *CHECKS, *CONFIG, "--dry-run")
    assert planned_jobs(again.stdout) == {}, again.stdout


def test_files_from_s3_give_the_same_tables(
    toy: Toy, local_tables: dict[str, pd.DataFrame], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("snakemake_storage_plugin_s3", reason="`./run test` installs it")
    boto3 = pytest.importorskip("boto3")
    server = pytest.importorskip("moto.server").ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        facts = {"endpoint_url": f"http://{host}:{port}", "region": "us-east-1"}
        keys = {"access_key": "toy", "secret_key": "toy"}
        for name, value in (facts | keys).items():
            monkeypatch.setitem(ENVIRONMENT, f"SNAKEMAKE_STORAGE_S3_{name.upper()}", value)
        s3 = boto3.client(
            "s3",
            endpoint_url=facts["endpoint_url"],
            region_name=facts["region"],
            aws_access_key_id=keys["access_key"],
            aws_secret_access_key=keys["secret_key"],
        )
        s3.create_bucket(Bucket="toy")
        for path in (toy.directory / "data").glob("*.*"):
            s3.upload_file(str(path), "toy", f"data/{path.name}")
        write_run(toy, tmp_path, "s3://toy/data")
        names = [name for name in TABLES if "harmonize_sumstats" in name or BATCHES[0] in name]
        run_snakemake(tmp_path, *names, *CONFIG)
    finally:
        server.stop()
    assert_same_tables(tmp_path, {name: local_tables[name] for name in names})


# ---- errors --------------------------------------------------------------------------------------------------------


def test_an_address_without_a_file_is_named(toy: Toy, address: str, tmp_path: Path) -> None:
    write_run(toy, tmp_path, address)
    edit_sheet(tmp_path, "studies", "path", f"{address}/absent.tsv.gz")
    message = refused(tmp_path, "results/harmonize_sumstats/toy_gwas.parquet")
    assert "Missing input files for rule harmonize_sumstats" in message
    assert f"{address}/absent.tsv.gz" in message


def test_a_server_that_does_not_answer_ends_the_run(toy: Toy, tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{unused.getsockname()[1]}"
        write_run(toy, tmp_path, str(toy.directory / "data"))
        edit_sheet(tmp_path, "qtls", "path", f"{nobody}/qtl.tsv.gz")
        message = refused(tmp_path, "results/harmonize_qtl/toy_eqtl.parquet")
    assert f"{nobody}/qtl.tsv.gz: does not answer" in message
    assert "Connection refused" in message
    assert "Check address, network and credentials" in message


def test_what_is_wrong_with_a_fetched_file_is_told_by_the_check(toy: Toy, tmp_path: Path) -> None:
    """Before it is fetched nobody can look; the plan's step looks at all of them first."""
    served = tmp_path / "served"
    served.mkdir()
    (served / "gwas.tsv").write_text("chromosome\tposition\n1\t5\n")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(served))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        write_run(toy, tmp_path, str(toy.directory / "data"))
        edit_sheet(tmp_path, "studies", "path", f"http://127.0.0.1:{server.server_port}/gwas.tsv")
        message = refused(tmp_path, CHECKS[0])
        server.shutdown()
    assert f"127.0.0.1:{server.server_port}/gwas.tsv" in message
    assert "no column gives where variants are" in message


def test_a_scheme_that_nothing_fetches_is_refused_before_the_run(toy: Toy, tmp_path: Path) -> None:
    write_run(toy, tmp_path, "ftp://ftp.example.org/data")
    message = refused(tmp_path)
    assert "ftp://ftp.example.org/data/gwas.tsv.gz cannot be fetched: the scheme 'ftp' is unknown" in message
    assert "download the file" in message
    assert "Job stats" not in message
