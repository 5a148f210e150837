import pytest

from locus2target.core.errors import InputError
from locus2target.ingest.columns import (
    QTL_DEFAULTS,
    QTL_NAMES,
    STUDY_DEFAULTS,
    STUDY_NAMES,
    parse_column_map,
    resolve_columns,
)

SSF = list(STUDY_DEFAULTS.values())


def test_map_is_read_with_spaces_and_trailing_comma() -> None:
    text = " chromosome=CHR, position = POS ,beta=b,"
    assert parse_column_map(text, names=STUDY_NAMES, where="sheet") == {
        "chromosome": "CHR",
        "position": "POS",
        "beta": "b",
    }


@pytest.mark.parametrize("text", [None, "", " "])
def test_empty_map(text: str | None) -> None:
    assert parse_column_map(text, names=STUDY_NAMES, where="sheet") == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("beta", r"'beta' is not name=COLUMN"),
        ("beta=", r"'beta=' is not name=COLUMN"),
        ("betta=B", r"unknown name 'betta'"),
        ("beta=B,beta=C", r"'beta' is mapped twice"),
        ("gene_id=G", r"unknown name 'gene_id'"),
    ],
)
def test_bad_map_names_the_entry(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_column_map(text, names=STUDY_NAMES, where="sheet")


def test_gwas_ssf_header_needs_no_map() -> None:
    assert resolve_columns(SSF, {}, STUDY_DEFAULTS, where="file") == dict(STUDY_DEFAULTS)


def test_eqtl_catalogue_header_needs_no_map() -> None:
    header = [*QTL_DEFAULTS.values(), "variant", "ma_samples", "type", "ac", "an", "r2", "median_tpm"]
    header.remove("tissue")
    resolved = resolve_columns(header, {}, QTL_DEFAULTS, where="file")
    assert resolved["alt_allele"] == "alt"
    assert resolved["phenotype_id"] == "molecular_trait_id"
    assert set(resolved) == set(QTL_DEFAULTS) - {"tissue"}
    assert set(resolved) <= set(QTL_NAMES)


def test_mapped_column_that_the_file_lacks_is_named_with_file_and_header() -> None:
    with pytest.raises(InputError, match=r"study\.tsv: there is no column 'BETA' for beta; the header is: CHR, POS"):
        resolve_columns(["CHR", "POS"], {"beta": "BETA"}, STUDY_DEFAULTS, where="study.tsv")


def test_a_column_that_the_map_uses_serves_no_second_name() -> None:
    mapping = {"minor_allele_frequency": "effect_allele_frequency"}
    resolved = resolve_columns(SSF, mapping, STUDY_DEFAULTS, where="file")
    assert resolved["minor_allele_frequency"] == "effect_allele_frequency"
    assert "effect_allele_frequency" not in resolved


def test_repeated_header_word_is_refused_only_where_it_is_used() -> None:
    resolve_columns([*SSF, "info", "info"], {}, STUDY_DEFAULTS, where="file")
    with pytest.raises(InputError, match=r"'beta' .* twice"):
        resolve_columns([*SSF, "beta"], {}, STUDY_DEFAULTS, where="file")


@pytest.mark.parametrize(
    ("lacking", "message"),
    [
        ({"base_pair_location"}, "where variants are"),
        ({"other_allele"}, "the alleles"),
        ({"p_value", "neg_log_10_p_value", "standard_error"}, "a p-value, z-score, or effect with standard error"),
    ],
)
def test_insufficient_columns(lacking: set[str], message: str) -> None:
    with pytest.raises(InputError, match=f"no column gives {message}; the header is"):
        resolve_columns([word for word in SSF if word not in lacking], {}, STUDY_DEFAULTS, where="file")


def test_combined_id_stands_for_place_and_alleles() -> None:
    header = ["variant_id", "pval_nominal"]
    mapping = {"variant": "variant_id", "p_value": "pval_nominal"}
    assert resolve_columns(header, mapping, QTL_DEFAULTS, where="file") == mapping
