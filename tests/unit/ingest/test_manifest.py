import hashlib
import json
from pathlib import Path

import pytest

from locus2target.core.config_file import read_config
from locus2target.core.digest import script_digest
from locus2target.core.errors import InputError
from locus2target.core.remote_files import FetchedFile
from locus2target.core.settings import Settings, load_settings
from locus2target.ingest.manifest import describe_inputs, describe_run

ROOT = Path(__file__).parents[3]
SCRIPTS = ROOT / "workflow" / "scripts"


@pytest.fixture
def demo(monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.chdir(ROOT)  # the demo's paths start there
    where = "config/config.yaml"
    return load_settings(read_config(where), schemas=ROOT / "workflow" / "schemas", where=where)


def test_manifest_names_every_input_with_its_checksum(demo: Settings) -> None:
    facts = describe_run(demo, scripts=SCRIPTS, config_file="c.yaml", software={"numpy": "2.0"}, threads=2)
    json.dumps(facts)
    by_path = {entry["path"]: entry for entry in facts["inputs"]}
    for row in (*demo.studies.values(), *demo.qtls.values()):
        assert by_path[row["path"]]["sha256"] == hashlib.sha256(Path(row["path"]).read_bytes()).hexdigest()
    assert {demo.config["genome"]["fasta"], *demo.config["sheets"].values(), *demo.cohort_files} <= set(by_path)
    assert facts["seeds"]["functional_priors.seed"] == demo.config["functional_priors"]["seed"]
    assert facts["code"]["steps"]["finemap_loci"] == script_digest(SCRIPTS / "finemap_loci.py")
    assert facts["config"] == demo.config
    assert facts["software"]["numpy"] == "2.0"


def test_manifest_is_the_same_whatever_the_number_of_threads(demo: Settings) -> None:
    one, three = (
        describe_run(demo, scripts=SCRIPTS, config_file="c.yaml", software={}, threads=threads) for threads in (1, 3)
    )
    assert {**one, "time": None} == {**three, "time": None}


def test_an_input_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no file .*gone"):
        describe_inputs([("study x", tmp_path / "gone")], threads=1)


def test_a_remote_input_is_listed_by_its_address_with_the_checksum_of_the_copy(demo: Settings) -> None:
    study, row = next(iter(demo.studies.items()))
    row["path"] = FetchedFile(row["path"], "https://host/gwas.tsv.gz")
    facts = describe_run(demo, scripts=SCRIPTS, config_file="c.yaml", software={}, threads=1)
    (entry,) = (entry for entry in facts["inputs"] if entry["role"] == f"study {study}")
    assert (entry["path"], entry["fetched_to"]) == ("https://host/gwas.tsv.gz", str(row["path"]))
    assert entry["sha256"] == hashlib.sha256(Path(row["path"]).read_bytes()).hexdigest()
    assert facts["sheets"]["studies"][study]["path"] == "https://host/gwas.tsv.gz"
