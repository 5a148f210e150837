"""The invented run, written once, and its rendered outputs."""

import pytest
from report_run import DISEASES, RUN, SETTINGS, Rendered, ToyRun, write_toy_run

import render_report
from locus2target.core import schemas
from locus2target.core.tables import write_table


@pytest.fixture(scope="session")
def toy_run(tmp_path_factory: pytest.TempPathFactory) -> ToyRun:
    return write_toy_run(tmp_path_factory.mktemp("toy_run"))


@pytest.fixture(scope="session")
def rendered(toy_run: ToyRun) -> Rendered:
    ranked = tuple(toy_run.folder / f"{disease}.ranked.html" for disease in DISEASES)
    outputs = Rendered(
        toy_run.folder / "report.html", toy_run.folder / "summary.json", ranked, toy_run.folder / "qc.html"
    )
    qtl = toy_run.folder / "blood_eqtl.parquet"
    write_table(schemas.QTL.frame([]), qtl, schemas.QTL)
    render_report.main(
        tables=toy_run.inputs,
        qtl={"blood_eqtl": str(qtl)},
        annotations={"open_chromatin": None, "enhancer_gene_links": None},
        report=str(outputs.report),
        summary=str(outputs.summary),
        ranked_tables=[str(path) for path in ranked],
        qc_table=str(outputs.qc),
        settings=SETTINGS,
        run=RUN,
    )
    return outputs
