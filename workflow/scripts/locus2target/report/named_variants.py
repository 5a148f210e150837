"""Variants that the report names, because fine-mapping gives them weight, and what sequence models say of them."""

from collections.abc import Collection

import pandas as pd

from locus2target.core import schemas
from locus2target.core.tables import stack_tables
from locus2target.report.locus_pack import NAMED_PIP
from locus2target.report.run_tables import RunTables


def named_variants(tables: RunTables) -> pd.DataFrame:
    """Columns locus and variant: those with a PIP of `NAMED_PIP` or more."""
    parts = (part[part["pip"] >= NAMED_PIP] for part in tables.credible_sets.read(["locus", "variant", "pip"]))
    return stack_tables(parts, schemas.CREDIBLE_SETS)[["locus", "variant"]]


def effects_of_named(tables: RunTables) -> pd.DataFrame:
    """Largest effect of each named variant and score (schema VARIANT_EFFECTS), with the locus."""
    named = named_variants(tables)
    wanted: dict[str, Collection[object]] = {"variant": named["variant"].unique(), "largest": [True]}
    largest = stack_tables(tables.variant_effects.read(only=wanted), schemas.VARIANT_EFFECTS)
    return named.merge(largest, on="variant")


def loci_with_effects(tables: RunTables) -> frozenset[str]:
    """Loci with a predicted effect of a variant that is named."""
    named = named_variants(tables)
    parts = tables.variant_effects.read(["variant", "value"], only={"variant": named["variant"].unique()})
    scored = {variant for part in parts for variant in part.loc[part["value"].notna(), "variant"].unique()}
    return frozenset(named.loc[named["variant"].isin(scored), "locus"].unique())
