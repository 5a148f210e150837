"""How numbers and names are written for people: one spelling for the page, the tables and the figures."""

import math
import re
from typing import Any

import pandas as pd

from locus2target.core.variants import parse_variant_key

MISSING = "–"
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_UNSAFE_IN_ANCHOR = re.compile(r"[^A-Za-z0-9_.]+")
_SHOWN_ITEMS = 3
SOURCE_LABELS = {
    "prior": "Prior",
    "distance": "Distance",
    "convergence": "Convergence",
    "gene_constraint": "Constraint",
    "colocalization_eqtl": "eQTL",
    "colocalization_sqtl": "sQTL",
    "colocalization_pqtl": "pQTL",
    "colocalization_caqtl": "caQTL",
    "qtl_lead_overlap": "QTL lead",
    "cis_mr": "cis-MR",
    "coding_consequence": "Coding",
    "gene_effect": "Gene effect",
    "enhancer_gene_link": "Enhancer link",
    "open_chromatin": "Open chromatin",
    "motif_change": "Motif",
}


def is_missing(value: Any) -> bool:
    """Whether a table's cell holds nothing: None, NaN, `pandas.NA` or an empty text."""
    return bool(pd.isna(value)) or value == ""


def format_count(value: float) -> str:
    """Whole number with thousands separators.

    >>> format_count(1234567)
    '1,234,567'
    """
    return f"{round(value):,}"


def format_probability(value: float) -> str:
    """Two decimals; values that would round to 0 or 1 say on which side of it they lie.

    >>> [format_probability(value) for value in (0, 0.004, 0.123, 0.997, 1)]
    ['0', '<0.01', '0.12', '>0.99', '1']
    """
    if value in {0, 1}:
        return str(int(value))
    if value < 0.01:
        return "<0.01"
    return ">0.99" if value > 0.99 else f"{value:.2f}"


def format_p_value(neg_log10_p: float) -> str:
    """P-value of a -log10 p; never zero, because it is computed from the logarithm.

    >>> [format_p_value(value) for value in (1.5, 8.5, 400.0)]
    ['0.032', '3.2×10⁻⁹', '1.0×10⁻⁴⁰⁰']
    """
    if neg_log10_p < 3:
        return f"{10**-neg_log10_p:.2g}"
    exponent = -math.ceil(neg_log10_p)
    mantissa = f"{10 ** (-exponent - neg_log10_p):.1f}"
    if mantissa == "10.0":
        exponent, mantissa = exponent + 1, "1.0"
    return f"{mantissa}×10{str(exponent).translate(_SUPERSCRIPTS)}"


def format_signed(value: float) -> str:
    """Log odds or another signed number, two decimals, with a typographic minus.

    >>> [format_signed(value) for value in (1.234, -0.5, 0.001)]
    ['+1.23', '−0.50', '0.00']
    """
    rounded = f"{abs(value):.2f}"
    if float(rounded) == 0:
        return rounded
    return ("+" if value > 0 else "−") + rounded


def format_number(value: float) -> str:
    """Three significant digits, whole numbers in full, powers of ten below 0.001.

    >>> [format_number(value) for value in (12345.0, 0.012345, 1e-4)]
    ['12,345', '0.0123', '1×10⁻⁴']
    """
    if float(value).is_integer():
        return format_count(value)
    if abs(value) >= 0.001:
        return f"{value:.3g}"
    mantissa, _, exponent = f"{value:.2e}".partition("e")
    return f"{float(mantissa):g}×10{str(int(exponent)).translate(_SUPERSCRIPTS)}"


def format_region(chromosome: str, start: int, end: int) -> str:
    """Region of a 0-based half-open interval, 1-based and inclusive as people write it.

    >>> format_region("22", 999, 2000)
    '22:1,000–2,000'
    """
    return f"{chromosome}:{start + 1:,}–{end:,}"


def format_variant(key: str) -> str:
    """Variant with a readable position and long alleles cut.

    >>> format_variant("22:1000:A:G"), format_variant("22:1000:A:GTTTTTTTTTTTT")
    ('22:1,000 A>G', '22:1,000 A>GTTTTT…')
    """
    variant = parse_variant_key(key)
    ref, alt = (allele if len(allele) <= 8 else f"{allele[:6]}…" for allele in (variant.ref, variant.alt))
    return f"{variant.chromosome}:{variant.position:,} {ref}>{alt}"


def format_direction(value: float) -> str:
    """What more gene activity goes with: more of the disease, or less."""
    return "▲ more" if value > 0 else "▼ less"


def source_label(source: str) -> str:
    """Name of an evidence source for people; a source without one keeps its own, with spaces."""
    return SOURCE_LABELS.get(source, source.replace("_", " ").capitalize())


def anchor(*names: str) -> str:
    """Id of a section, for links: letters, digits, dots and underscores, joined by hyphens.

    >>> anchor("gene", "type 1 diabetes", "ENSG00000163599")
    'gene-type-1-diabetes-ENSG00000163599'
    """
    return "-".join(_UNSAFE_IN_ANCHOR.sub("-", name) for name in names)


def format_list(text: str) -> str:
    """The first items of a comma-separated cell, and how many there are besides.

    >>> format_list("liver,spleen,lung,skin,brain")
    'liver, spleen, lung +2'
    """
    items = [item.replace("_", " ") for item in split_list(text)]
    more = f" +{len(items) - _SHOWN_ITEMS}" if len(items) > _SHOWN_ITEMS else ""
    return ", ".join(items[:_SHOWN_ITEMS]) + more


def format_words(text: str) -> str:
    """An id or a mechanism as prose: blanks for underscores, arrows as arrows.

    >>> format_words("type_1_diabetes -> insulin")
    'type 1 diabetes → insulin'
    """
    return text.replace("_", " ").replace(" -> ", " → ")


def plural(number: int, noun: str, nouns: str | None = None) -> str:
    """Count and noun.

    >>> plural(1, "file"), plural(1200, "file"), plural(2, "locus", "loci")
    ('1 file', '1,200 files', '2 loci')
    """
    several = f"{noun}s" if nouns is None else nouns
    return f"{format_count(number)} {noun if number == 1 else several}"


def split_list(text: object) -> list[str]:
    """Items of a comma-separated cell."""
    return [] if is_missing(text) else [item.strip() for item in str(text).split(",") if item.strip()]
