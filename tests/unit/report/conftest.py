"""The invented run, written once, and its rendered outputs."""

import pytest
from report_run import DISEASES, RUN, SETTINGS, Rendered, ToyRun, write_toy_run

import render_report


@pytest.fixture(scope="session")
def toy_run(tmp_path_factory: pytest.TempPathFactory) -> ToyRun:
    return write_toy_run(tmp_path_factory.mktemp("toy_run"))


@pytest.fixture(scope="session")
def rendered(toy_run: ToyRun) -> Rendered:
    ranked = tuple(toy_run.folder / f"{disease}.ranked.html" for disease in DISEASES)
    outputs = Rendered(toy_run.folder / "report.html", ranked, toy_run.folder / "qc.html")
    render_report.main(
        **toy_run.inputs,
        report=str(outputs.report),
        ranked_tables=[str(path) for path in ranked],
        qc_table=str(outputs.qc),
        settings=SETTINGS,
        run=RUN,
    )
    return outputs
