from pathlib import Path

import pytest
from environment import STARTED_WITH

from locus2target.core import snakemake_calls
from locus2target.core.errors import InputError
from locus2target.core.snakemake_calls import call_snakemake, parse_job_table


def test_a_refusal_shows_both_streams(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    snakefile = tmp_path / "Snakefile"
    snakefile.write_text('print("said on stdout")\nraise ValueError("told on stderr")\n')
    monkeypatch.setattr(snakemake_calls, "SNAKEFILE", snakefile)
    monkeypatch.setenv("LD_LIBRARY_PATH", STARTED_WITH.get("LD_LIBRARY_PATH", ""))  # another test may have loaded R
    (tmp_path / "my.yaml").write_text("a: 1\n")
    with pytest.raises(InputError) as refused:
        call_snakemake("my.yaml", ("--dry-run",), directory=tmp_path)
    text = str(refused.value)
    assert "said on stdout" in text
    assert "told on stderr" in text
    assert "my.yaml" in text


def test_jobs_are_read_from_the_first_table_without_the_targets() -> None:
    table = "Job stats:\njob      count\n-----  -------\nall          1\nmap_x        3\ntotal        4\n"
    assert parse_job_table(f"{table}\nReasons:\nmap_x 9\n") == {"map_x": 3}
    assert parse_job_table("Nothing to be done.\n") == {}
