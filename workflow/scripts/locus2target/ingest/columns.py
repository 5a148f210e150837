"""Which column of a table is which: the sheet's map first, then the header words of the two common formats."""

from collections.abc import Collection, Mapping, Sequence

from locus2target.core.errors import InputError

STUDY_DEFAULTS: Mapping[str, str] = {  # GWAS-SSF 1.0
    "chromosome": "chromosome",
    "position": "base_pair_location",
    "effect_allele": "effect_allele",
    "other_allele": "other_allele",
    "beta": "beta",
    "odds_ratio": "odds_ratio",
    "standard_error": "standard_error",
    "p_value": "p_value",
    "neg_log10_p": "neg_log_10_p_value",
    "effect_allele_frequency": "effect_allele_frequency",
    "n": "n",
    "rsid": "rsid",
}
QTL_DEFAULTS: Mapping[str, str] = {  # eQTL Catalogue
    "chromosome": "chromosome",
    "position": "position",
    "ref_allele": "ref",
    "alt_allele": "alt",
    "beta": "beta",
    "standard_error": "se",
    "p_value": "pvalue",
    "minor_allele_frequency": "maf",
    "rsid": "rsid",
    "gene_id": "gene_id",
    "phenotype_id": "molecular_trait_id",
    "tissue": "tissue",
}
CREDIBLE_SET_DEFAULTS: Mapping[str, str] = {
    **STUDY_DEFAULTS,
    "pip": "pip",
    "credible_set": "credible_set",
    "region": "region",
}
STUDY_NAMES = (*STUDY_DEFAULTS, "ref_allele", "alt_allele", "z_score", "minor_allele_frequency", "variant")
QTL_NAMES = (*STUDY_NAMES, "gene_id", "phenotype_id", "tissue")
CREDIBLE_SET_NAMES = (*STUDY_NAMES, "pip", "credible_set", "region")

_PLACES = (("chromosome", "position"), ("variant",))
_ALLELES = (("effect_allele", "other_allele"), ("ref_allele", "alt_allele"), ("variant",))
_STATISTICS = (
    ("p_value",),
    ("neg_log10_p",),
    ("z_score",),
    ("beta", "standard_error"),
    ("odds_ratio", "standard_error"),
)
Needs = Sequence[tuple[str, Sequence[tuple[str, ...]]]]
"""What a file must give, in words, and the sets of names each of which would do."""
_VARIANTS: Needs = (("where variants are", _PLACES), ("the alleles", _ALLELES))
ASSOCIATION_NEEDS: Needs = (*_VARIANTS, ("a p-value, z-score, or effect with standard error", _STATISTICS))
CREDIBLE_SET_NEEDS: Needs = (
    *_VARIANTS,
    ("the posterior inclusion probability", (("pip",),)),
    ("the credible set of a variant", (("credible_set",),)),
)


def parse_column_map(text: str | None, *, names: Collection[str], where: str) -> dict[str, str]:
    """Read `name=COLUMN,name=COLUMN` of a sheet.

    Parameters
    ----------
    text
        The cell; `None` or empty for an empty map.
    names
        Names that may be mapped.
    where
        Sheet, row and column, for messages.

    Raises
    ------
    InputError
        If an entry is not `name=COLUMN`, names something unknown, or names it twice.
    """
    mapping: dict[str, str] = {}
    for entry in (part.strip() for part in (text or "").split(",")):
        if not entry:
            continue
        name, separator, column = (part.strip() for part in entry.partition("="))
        if not separator or not column:
            raise InputError(f"{entry!r} is not name=COLUMN", where=where, remedy="Write for example beta=BETA,n=N.")
        if name not in names:
            raise InputError(f"unknown name {name!r}", where=where, remedy=f"Names are: {', '.join(sorted(names))}.")
        if name in mapping:
            raise InputError(f"{name!r} is mapped twice", where=where, remedy="Keep one of the two entries.")
        mapping[name] = column
    return mapping


def resolve_columns(
    header: Sequence[str],
    mapping: Mapping[str, str],
    defaults: Mapping[str, str],
    *,
    needs: Needs = ASSOCIATION_NEEDS,
    where: str,
) -> dict[str, str]:
    """Find the file's column for each name that it has.

    Parameters
    ----------
    header
        The file's column names.
    mapping
        The sheet's map: every column in it must exist.
    defaults
        Header words that are used for names outside the map, where the file has them and the map does not use them.
    needs
        What the columns must give.
    where
        The file, for messages.

    Returns
    -------
    dict
        Name -> column.

    Raises
    ------
    InputError
        If a mapped column is absent or stands in the header twice, or the columns do not suffice.
    """
    found = ", ".join(header)
    for name, column in mapping.items():
        if column not in header:
            raise InputError(
                f"there is no column {column!r} for {name}; the header is: {found}",
                where=where,
                remedy=f"Correct {name}=... in the sheet's `columns`.",
            )
    taken = set(mapping.values())
    usual = {n: c for n, c in defaults.items() if n not in mapping and c in header and c not in taken}
    resolved = {**mapping, **usual}
    for name, column in resolved.items():
        if list(header).count(column) > 1:
            raise InputError(
                f"column {column!r} ({name}) stands in the header twice", where=where, remedy="Rename one of them."
            )
    _check_sufficient(resolved, needs, found, where)
    return resolved


def _check_sufficient(resolved: Mapping[str, str], needs: Needs, found: str, where: str) -> None:
    for what, alternatives in needs:
        if not any(all(name in resolved for name in names) for names in alternatives):
            choices = " or ".join("+".join(names) for names in alternatives)
            raise InputError(
                f"no column gives {what}; the header is: {found}",
                where=where,
                remedy=f"Map {choices} in the sheet's `columns`.",
            )
