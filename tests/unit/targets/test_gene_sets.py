import gzip
import hashlib
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from locus2target.core.errors import InputError
from locus2target.targets.gene_sets import (
    AMBIGUOUS,
    NO_SYMBOL,
    NOT_LISTED,
    REPEATED,
    TOO_LARGE,
    TOO_SMALL,
    GeneSet,
    GeneSetFile,
    build_membership,
    read_gmt,
    read_pathways,
    read_symbols,
)

HEADER = "identifier\tname\turl\tn_genes\tn_coding_genes\tsource\tlicense\tgenes\tcoding_genes\n"
GENES = pd.DataFrame(
    {
        "gene_id": ["ENSG00000000001", "ENSG00000000002", "ENSG00000000003", "ENSG00000000004", "ENSG00000000005"],
        "gene_symbol": ["AAA", "BBB", "CCC", "TWIN", "TWIN"],
    }
)
SYMBOLS = ["s0", "s1", "s2", "s3", "s4", "s5", "other"]


def pathway(identifier: str, genes: str) -> str:
    return f"{identifier}\tName of {identifier}\tNA\t9\t9\treactome\tCC BY 4.0\t999\t{genes}\n"


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def file_of(*sets: str, path: str = "toy.gmt") -> GeneSetFile:
    """Sets a, b, ... of genes separated by blanks."""
    named = [GeneSet(chr(ord("a") + row), "", "toy", frozenset(genes.split())) for row, genes in enumerate(sets)]
    return GeneSetFile(Path(path), tuple(named), {})


def test_symbols_of_entrez_ids(tmp_path: Path) -> None:
    path = tmp_path / "genes.loc.gz"
    path.write_bytes(gzip.compress(b"79501\t1\t69091\t70008\t+\tOR4F5\n348\t19\t1\t2\t+\tAPOE\n\n"))
    assert read_symbols(path) == {"79501": "OR4F5", "348": "APOE"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file has no genes"),
        ("1\t1\t2\t3\t+\n", "genes.loc:1: the line has 5 columns, not 6"),
        ("A1\t1\t2\t3\t+\tX\n", "'A1' is not a whole number"),
        ("7 1 2 3 + X\n7 1 2 3 + Y\n", "genes.loc:2: Entrez id 7 has the symbols X and Y"),
    ],
)
def test_unusable_id_maps(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_symbols(write(tmp_path / "genes.loc", text))


def test_pathways_have_the_symbols_of_their_coding_genes(tmp_path: Path) -> None:
    path = write(tmp_path / "pathways.tsv", HEADER + pathway("P1", "1|2|404") + pathway("P2", "404|405") + "\n")
    file = read_pathways(path, {"1": "AAA", "2": "BBB", "999": "NONCODING"})
    assert file.sets == (
        GeneSet("P1", "Name of P1", "reactome", frozenset({"AAA", "BBB"})),
        GeneSet("P2", "Name of P2", "reactome", frozenset()),
    )
    assert file.dropped == {NO_SYMBOL: 2}  # 404 and 405, however many sets name them


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "columns identifier, name, source, coding_genes are absent"),
        ("identifier\tname\tgenes\n", "columns source, coding_genes are absent"),
        (HEADER, "the file has no gene sets"),
        (HEADER + "P1\tshort\n", "pathways.tsv:2: the line has 2 columns, the header 9"),
        (HEADER + pathway("P1", "1") * 2, "the set 'P1' comes 2 times"),
    ],
)
def test_unusable_pathways(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_pathways(write(tmp_path / "pathways.tsv", text), {"1": "AAA"})


def test_gmt_of_symbols_and_ensembl_ids(tmp_path: Path) -> None:
    path = write(tmp_path / "hallmark.v1.gmt", "S1\thttp://x\tAAA\tBBB\t\nS2\tna\tENSG00000000003.7\tAAA\tAAA\n")
    assert read_gmt(path).sets == (
        GeneSet("S1", "http://x", "hallmark.v1", frozenset({"AAA", "BBB"})),
        GeneSet("S2", "na", "hallmark.v1", frozenset({"ENSG00000000003", "AAA"})),
    )


def test_gmt_may_name_source_and_title(tmp_path: Path) -> None:
    path = write(tmp_path / "pathways.gmt", "S1\tReactome | One | two\tAAA\nS2\tA|B: c\tAAA\n")
    assert [(found.name, found.source) for found in read_gmt(path).sets] == [
        ("One | two", "Reactome"),
        ("A|B: c", "pathways"),
    ]


def test_the_shipped_gene_sets_are_those_of_the_readme() -> None:
    path = Path(__file__).parents[3] / "resources/pathways/pathways.symbols.gmt.gz"
    readme = path.with_name("README.md").read_text(encoding="utf-8")
    assert hashlib.sha256(path.read_bytes()).hexdigest() in readme
    sets = {found.identifier: found for found in read_gmt(path).sets}
    assert Counter(found.source for found in sets.values()) == {"Reactome": 1341, "WikiPathways": 298, "PID": 223}
    integrins = sets["PC7_10399"]  # Entrez ids 3676, 3688, 3695, 387, 5747, 5829, 7412 and 8174 in the source table
    assert (integrins.name, integrins.source) == ("a4b7 Integrin signaling", "PID")
    assert integrins.genes == {"ITGA4", "ITGB1", "ITGB7", "RHOA", "PTK2", "PXN", "VCAM1", "MADCAM1"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file has no gene sets"),
        ("S1\tna\tAAA\nS2\tna\n", "toy.gmt:2: the line names no gene"),
        ("S1\tna\t\t\n", "toy.gmt:1: the line names no gene"),
        ("S1\tna\tAAA\nS1\tna\tBBB\n", "the set 'S1' comes 2 times"),
    ],
)
def test_unusable_gmt(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_gmt(write(tmp_path / "toy.gmt", text))


def test_membership_by_symbol_and_id_with_counts_of_what_is_dropped() -> None:
    sets = file_of(
        "AAA ENSG00000000003",  # kept
        "AAA ENSG00000000004",  # kept: the id tells apart what the symbol does not
        "BBB TWIN",  # too small, for TWIN may be either of two genes
        "CCC ENSG00000000001",  # the first set by other names
        "AAA BBB CCC ENSG00000000005",  # too large
        "GONE AAA BBB CCC",  # kept
    )
    membership = build_membership([sets], GENES, min_genes=2, max_genes=3)
    assert membership.matrix.toarray().tolist() == [[1, 1, 1], [0, 0, 1], [1, 0, 1], [0, 1, 0], [0, 0, 0]]
    assert membership.sets["identifier"].tolist() == ["a", "b", "f"]
    assert membership.sets["n_genes"].tolist() == [2, 2, 3]
    assert membership.dropped == {NOT_LISTED: 1, AMBIGUOUS: 1, TOO_SMALL: 1, TOO_LARGE: 1, REPEATED: 1}


def test_several_files_are_joined(tmp_path: Path) -> None:
    table = write(tmp_path / "pathways.tsv", HEADER + pathway("P1", "1|2|404"))
    gmt = write(tmp_path / "more.gmt", "P1\tna\tAAA\tCCC\nP2\tna\tBBB\tAAA\n")
    files = [read_pathways(table, {"1": "AAA", "2": "BBB"}), read_gmt(gmt)]
    membership = build_membership(files, GENES, min_genes=1)
    assert membership.sets[["identifier", "source"]].values.tolist() == [["P1", "reactome"], ["P1", "more"]]
    assert membership.dropped == {NO_SYMBOL: 1, NOT_LISTED: 0, AMBIGUOUS: 0, REPEATED: 1}


@settings(max_examples=50, deadline=None)
@given(
    sets=st.lists(st.sets(st.sampled_from(SYMBOLS), min_size=1), min_size=1, max_size=8),
    bounds=st.tuples(st.integers(1, 3), st.integers(3, 6)),
)
def test_membership_equals_a_slow_loop(sets: list[set[str]], bounds: tuple[int, int]) -> None:
    genes = pd.DataFrame({"gene_id": SYMBOLS[:6], "gene_symbol": SYMBOLS[:6]})
    columns: list[list[int]] = []
    for names in sets:
        column = [int(symbol in names) for symbol in SYMBOLS[:6]]
        if bounds[0] <= sum(column) <= bounds[1] and column not in columns:
            columns.append(column)
    sets_file = file_of(*(" ".join(names) for names in sets), "s0 s1 s2")
    if [1, 1, 1, 0, 0, 0] not in columns:
        columns.append([1, 1, 1, 0, 0, 0])
    membership = build_membership([sets_file], genes, min_genes=bounds[0], max_genes=bounds[1])
    np.testing.assert_array_equal(membership.matrix.toarray(), np.array(columns).T)
    dropped = sum(membership.dropped.get(reason, 0) for reason in (TOO_SMALL, TOO_LARGE, REPEATED))
    assert dropped + len(columns) == len(sets) + 1


def test_genes_of_another_naming_are_refused() -> None:
    with pytest.raises(InputError, match=r"entrez.gmt: none of its 2 named genes .*first by name: 348"):
        build_membership([file_of("AAA BBB"), file_of("348 79501", path="entrez.gmt")], GENES, min_genes=1)


def test_no_set_of_a_usable_size_is_refused() -> None:
    with pytest.raises(InputError, match=r"no set has 5 to 300 genes of the list \(.*1 sets with too few genes"):
        build_membership([file_of("AAA BBB")], GENES)


def test_without_files_there_are_no_sets() -> None:
    membership = build_membership([], GENES)
    assert membership.matrix.shape == (len(GENES), 0)
    assert membership.sets.empty


@pytest.mark.parametrize("bounds", [(0, 5), (6, 5)])
def test_impossible_bounds_are_refused(bounds: tuple[int, int]) -> None:
    with pytest.raises(InputError, match=f"the bounds {bounds[0]} and {bounds[1]}"):
        build_membership([file_of("AAA")], GENES, min_genes=bounds[0], max_genes=bounds[1])


def test_a_gene_list_with_repeats_is_our_defect() -> None:
    with pytest.raises(ValueError, match="names a gene twice"):
        build_membership([file_of("AAA")], pd.concat([GENES, GENES]))
