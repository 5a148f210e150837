"""The schemas are the one place that says what a table and its columns hold."""

import pytest

from locus2target.core import schemas
from locus2target.core.tables import TableSchema

SCHEMAS = [schema for schema in vars(schemas).values() if isinstance(schema, TableSchema)]


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: schema.name)
def test_every_table_and_column_says_what_it_holds(schema: TableSchema) -> None:
    assert schema.row
    assert not [column.name for column in schema.columns if not column.description]
    assert len(set(schema.names)) == len(schema.names)


def test_tables_have_names_of_their_own() -> None:
    assert len({schema.name for schema in SCHEMAS}) == len(SCHEMAS) > 30
