"""The schema that the migrations build is the one that the models describe."""

from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine

from app.models import Base, TableKind, tables_of


def test_migrations_build_what_the_models_describe(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})

        assert compare_metadata(context, Base.metadata) == []


def test_every_table_says_of_which_kind_it_is() -> None:
    listed = [name for kind in TableKind for name in tables_of(kind)]

    assert sorted(listed) == sorted(table.name for table in Base.metadata.sorted_tables)


def test_every_projection_carries_the_index_that_it_stands_at() -> None:
    for name in tables_of(TableKind.PROJECTION):
        assert "as_of_index" in Base.metadata.tables[name].columns
