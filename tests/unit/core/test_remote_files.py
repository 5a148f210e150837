import pickle
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from locus2target.core import remote_files
from locus2target.core.errors import InputError
from locus2target.core.input_files import named_files, with_copies
from locus2target.core.remote_files import (
    FetchedFile,
    as_written,
    check_remote,
    is_remote,
    refuse_remote,
    with_files_beside,
)
from locus2target.core.settings import Settings


@pytest.fixture
def plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """All plugins are there."""
    monkeypatch.setattr(remote_files, "find_spec", lambda name: name)


@pytest.mark.usefixtures("plugins")
@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:8000/x.tsv", "https://host.org/a/b%20c.vcf.gz", "s3://bucket/key/x.bcf", "gs://bucket/x.npz"],
)
def test_addresses_that_can_be_fetched(url: str) -> None:
    assert is_remote(url)
    check_remote(url, where="here")


@pytest.mark.usefixtures("plugins")
@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ftp://host/x.tsv", "the scheme 'ftp' is unknown"),
        ("https://me:secret@host/x.tsv", "https://host/x.tsv comes with a user name, password or query"),
        ("https://host/x.tsv?X-Amz-Signature=secret", "https://host/x.tsv comes with a user name, password or query"),
        ("https://host", "no address of one file"),
        ("s3:///x.tsv", "no address of one file"),
        ("https://host/../x.tsv", "no address of one file"),
        ("https://host/{sample}.tsv", "no address of one file"),
        ("https://host/a b.tsv", "no address of one file"),
        ("https://host/x.tsv#part", "no address of one file"),
        ("https://[host/x.tsv", "no address of one file"),
    ],
)
def test_addresses_that_cannot_be_fetched_are_refused_with_a_way_out(url: str, words: str) -> None:
    with pytest.raises(InputError) as refused:
        check_remote(url, where="studies.tsv, study 's'")
    assert words in str(refused.value)
    assert str(refused.value).startswith("studies.tsv, study 's': ")
    assert "download the file and give its path" in refused.value.remedy
    assert "secret" not in str(refused.value)


def test_a_missing_plugin_is_named_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_files, "find_spec", dict[str, object]().get)
    with pytest.raises(InputError, match="the package snakemake-storage-plugin-gcs is not installed") as refused:
        check_remote("gs://bucket/x.tsv", where="here")
    assert "pip install snakemake-storage-plugin-gcs" in refused.value.remedy


def test_paths_are_not_remote() -> None:
    for path in ("data/x.tsv", "/data/x:y.tsv", "C:/x.tsv", None, 3, FetchedFile("copies/x.tsv", "s3://b/x.tsv")):
        assert not is_remote(path)
        refuse_remote(path, where="here")
    with pytest.raises(InputError, match="must be local"):
        refuse_remote("https://host/x.tsv", where="here")


def test_a_fetched_file_is_a_path_that_knows_its_address_in_other_processes_too() -> None:
    index = FetchedFile("copies/x.bcf.csi", "s3://b/x.bcf.csi")
    file = pickle.loads(pickle.dumps(FetchedFile("copies/x.bcf", "s3://b/x.bcf", [index]), protocol=4))  # noqa: S301
    assert (file, file.url, file.beside) == ("copies/x.bcf", "s3://b/x.bcf", (index,))
    assert Path(file) == Path("copies/x.bcf")
    assert with_files_beside(file) == [file, index]
    assert with_files_beside("x.bcf") == ["x.bcf"]
    assert as_written({"a": [file, 1], "b": {"c": index}}) == {
        "a": ["s3://b/x.bcf", 1],
        "b": {"c": "s3://b/x.bcf.csi"},
    }


def test_copies_take_the_place_of_addresses_and_nothing_else_changes() -> None:
    kept = []

    def fetch(url: str, /, *, is_kept: bool = False, beside: Iterable[FetchedFile] = ()) -> FetchedFile:
        kept.extend([url] if is_kept else [])
        return FetchedFile("copies/" + url.rpartition("/")[2], url, beside)

    config: dict[str, Any] = {
        "genome": {"build": "GRCh37", "fasta": "s3://b/g.fa", "gtf": "g.gtf", "chains": {"GRCh38": "s3://b/chain"}},
        "annotations": {"open_chromatin": "s3://b/p.bed", "known_drugs": None},
        "pathways": {"gene_sets": ["s3://b/sets.gmt", "own.gmt"], "seed": 1},
        "ranking": {"weights": "w.tsv"},
        "mutagenesis": {"motifs": "m.npz"},
    }
    settings = Settings(
        config=config,
        studies={"s": {"path": "s3://b/s.tsv", "citation": "https://doi.org/10.1"}},
        qtls={"q": {"path": "q.tsv"}},
        cohorts={
            "c": [{"genotypes": "s3://b/c.bcf", "ld_matrix": None}],
            "m": [{"genotypes": None, "ld_matrix": "s3://b/ld.npz"}],
        },
        models={"motif": {"weights": "s3://b/bank.npz", "replicates": None, "background": None}},
    )
    copied = with_copies(settings, fetch)
    assert kept == ["s3://b/g.fa"]
    assert [path for _, path in named_files(copied)] == [
        "copies/g.fa",
        "g.gtf",
        "w.tsv",
        "m.npz",
        "copies/chain",
        "copies/p.bed",
        "copies/sets.gmt",
        "own.gmt",
        "copies/s.tsv",
        "copies/c.bcf",
        "copies/c.bcf.csi",
        "copies/ld.npz",
        "copies/ld.variants.tsv.gz",
        "q.tsv",
        "copies/bank.npz",
    ]
    assert copied.cohort_files == ["copies/c.bcf", "copies/c.bcf.csi", "copies/ld.npz", "copies/ld.variants.tsv.gz"]
    assert copied.studies["s"]["citation"] == "https://doi.org/10.1"
    assert as_written(copied.config) == config
    assert settings.studies["s"]["path"] == "s3://b/s.tsv"
