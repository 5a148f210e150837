import gzip
import logging
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from locus2target.core.errors import InputError
from locus2target.targets.target_annotations import (
    AMBIGUOUS,
    NOT_LISTED,
    NOTHING_SAID,
    read_known_drugs,
    read_safety_constraint,
    read_target_annotations,
    read_tractability,
)

GENES = pd.DataFrame(
    {
        "gene_id": ["ENSG00000000001", "ENSG00000000002", "ENSG00000000003", "ENSG00000000004"],
        "gene_symbol": ["HMGCR", "PCSK9", "TWIN", "TWIN"],
    }
)


def written(folder: Path, *lines: str, name: str = "table.tsv") -> str:
    path = folder / name
    path.write_text("".join(line.replace(" | ", "\t") + "\n" for line in lines))
    return str(path)


def test_tractability_by_modality_in_the_files_order(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "## prepared by hand",
        "#gene | modality | bucket | unused",
        "HMGCR | small_molecule | Approved Drug | x",
        "HMGCR | antibody | UniProt loc high conf | x",
        "HMGCR | small_molecule | Structure with Ligand | x",
        "HMGCR | small_molecule | Approved Drug | x",
    )
    assert read_tractability(path) == {
        "HMGCR": "small molecule: Approved Drug, Structure with Ligand; antibody: UniProt loc high conf"
    }


def test_drugs_by_phase_with_what_is_known_of_each(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "gene | drug | indication | phase | action",
        "HMGCR | oldstatin | NA |  | ",
        "HMGCR | newstatin | sepsis | 0.5 | inhibitor",
        "HMGCR | atorvastatin | stroke | 2 | inhibitor",
        "HMGCR | atorvastatin | hypercholesterolaemia | 4 | inhibitor",
        "HMGCR | atorvastatin | stroke | 3.0 | inhibitor",
        "HMGCR | atorvastatin | dementia | 1 | inhibitor",
    )
    assert read_known_drugs(path) == {
        "HMGCR": "atorvastatin (phase 4, inhibitor, hypercholesterolaemia, 2 more indications); "
        "newstatin (phase 0.5, inhibitor, sepsis); oldstatin"
    }


def test_drugs_beyond_five_are_counted_and_optional_columns_may_be_absent(tmp_path: Path) -> None:
    drugs = [f"HMGCR | drug{letter}" for letter in "hgfedcba"]
    assert read_known_drugs(written(tmp_path, "gene | drug", *drugs)) == {
        "HMGCR": "druga; drugb; drugc; drugd; druge; and 3 more"
    }


@pytest.mark.parametrize(
    ("header", "cells", "text"),
    [
        ("pLI | LOEUF", "0.98 | 0.21", "pLI 0.98, LOEUF 0.21: intolerant of loss of function"),
        ("LOEUF | pLI", "0.7 | 0.9", "pLI 0.90, LOEUF 0.70: intolerant of loss of function"),
        ("pLI", "0.899", "pLI 0.90: not shown to be intolerant of loss of function"),
        ("oe_lof_upper", "0.349", "LOEUF 0.35: intolerant of loss of function"),
        ("LOEUF", "0.35", "LOEUF 0.35: not shown to be intolerant of loss of function"),
        ("LOEUF | note", "1.2 | black box", "LOEUF 1.20: not shown to be intolerant of loss of function (black box)"),
        ("pLI | LOEUF | note", "NA | . | toxic in mice", "toxic in mice"),
        ("pLI | LOEUF", "NA | NA", ""),
    ],
)
def test_constraint_by_its_usual_limits(tmp_path: Path, header: str, cells: str, text: str) -> None:
    assert read_safety_constraint(written(tmp_path, f"gene | {header}", f"HMGCR | {cells}")) == {"HMGCR": text}


def test_transcripts_of_one_gene_are_all_told(tmp_path: Path) -> None:
    path = written(tmp_path, "gene | pLI", "HMGCR | 0.95", "HMGCR | 0.1", "HMGCR | 0.1", "HMGCR | NA")
    assert read_safety_constraint(path)["HMGCR"] == (
        "pLI 0.10: not shown to be intolerant of loss of function; pLI 0.95: intolerant of loss of function"
    )


def test_genes_are_found_by_symbol_and_id_and_the_rest_is_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    drugs = written(
        tmp_path,
        "gene | drug",
        "HMGCR | a",
        "ENSG00000000001.14 | b",
        "ENSG00000000003 | c",
        "TWIN | d",
        "NOWHERE | e",
        "ENSG00000000099 | f",
        name="drugs.tsv",
    )
    constraint = written(tmp_path, "gene | pLI", "PCSK9 | NA", name="constraint.tsv")
    with caplog.at_level(logging.INFO):
        found = read_target_annotations(
            {"known_drugs": drugs, "safety_constraint": constraint, "tractability": None}, GENES
        )
    assert found.texts.set_index("gene_id")["known_drugs"].to_dict() == {
        "ENSG00000000001": "b; a",
        "ENSG00000000003": "c",
    }
    assert found.texts[["tractability", "safety_constraint"]].isna().all(axis=None)
    assert found.dropped == {"known_drugs": {NOT_LISTED: 2, AMBIGUOUS: 1}, "safety_constraint": {NOTHING_SAID: 1}}
    assert f"says something of 2 genes; left out: 2 {NOT_LISTED}; 1 {AMBIGUOUS}" in caplog.text
    assert f"says something of 0 genes; left out: 1 {NOTHING_SAID}" in caplog.text


def test_without_tables_there_are_no_texts() -> None:
    found = read_target_annotations({}, GENES)
    assert list(found.texts.columns) == ["gene_id", "tractability", "known_drugs", "safety_constraint"]
    assert found.texts.empty
    assert found.dropped == {}


def test_gzipped_table_reads_like_a_plain_one(tmp_path: Path) -> None:
    plain = written(tmp_path, "gene | drug | phase", "PCSK9 | alirocumab | 4")
    packed = tmp_path / "table.tsv.gz"
    packed.write_bytes(gzip.compress(Path(plain).read_bytes()))
    assert read_known_drugs(packed) == read_known_drugs(plain) == {"PCSK9": "alirocumab (phase 4)"}


@pytest.mark.parametrize(
    ("reader", "lines", "message"),
    [
        (read_tractability, ("gene | bucket",), "line 1: column modality is absent"),
        (read_known_drugs, (), "line 1: column gene, drug is absent"),
        (read_safety_constraint, ("gene | note",), "line 1: column pLI or LOEUF or oe_lof_upper is absent"),
        (read_known_drugs, ("gene | drug | drug",), "line 1: column drug comes twice"),
        (read_known_drugs, ("gene | drug", "", "HMGCR"), "line 3: the line has 1 columns, the header 2"),
        (read_known_drugs, ("gene | drug", " | x"), "line 2, column gene: the cell is empty"),
        (read_known_drugs, ("gene | drug", "HMGCR | NA"), "line 2, column drug: the cell is empty"),
        (read_tractability, ("gene | modality | bucket", "A | ab | "), "line 2, column bucket: the cell is empty"),
        (read_known_drugs, ("gene | drug | phase", "A | b | IV"), "column phase: 'IV' is not a number from 0 to 4"),
        (read_known_drugs, ("gene | drug | phase", "A | b | -1"), "column phase: '-1' is not a number from 0 to 4"),
        (read_safety_constraint, ("gene | pLI", "A | 1.5"), "line 2, column pLI: '1.5' is not a number from 0 to 1"),
        (read_safety_constraint, ("gene | oe_lof_upper", "A | inf"), "column oe_lof_upper: 'inf' is not a number"),
    ],
)  # fmt: skip
def test_bad_tables_are_refused_with_the_place(
    tmp_path: Path, reader: Callable[[str], object], lines: tuple[str, ...], message: str
) -> None:
    path = written(tmp_path, *lines)
    with pytest.raises(InputError) as caught:
        reader(path)
    assert str(caught.value).startswith(path)
    assert message in str(caught.value)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no file"):
        read_target_annotations({"tractability": str(tmp_path / "absent.tsv")}, GENES)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["HMGCR", "PCSK9", "ENSG00000000001"]),
            st.sampled_from("abcdefg"),
            st.sampled_from(["", "1", "4"]),
            st.sampled_from(["", "x", "y"]),
        ),
        max_size=12,
    ).flatmap(lambda rows: st.tuples(st.just(rows), st.permutations(rows)))
)
def test_drugs_do_not_depend_on_the_order_of_rows(
    tmp_path: Path, rows_twice: tuple[list[tuple[str, ...]], list[tuple[str, ...]]]
) -> None:
    header = "gene | drug | phase | indication"
    texts = [
        read_target_annotations(
            {"known_drugs": written(tmp_path, header, *(" | ".join(row) for row in rows), name=name)}, GENES
        ).texts
        for name, rows in zip(("a.tsv", "b.tsv"), rows_twice, strict=True)
    ]
    pd.testing.assert_frame_equal(*texts)
