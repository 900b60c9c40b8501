"""The schema of the database: migrations, and the triggers that keep facts as they are.

The application refuses to start on a database whose schema is not the newest, or
whose fact tables could be changed: names and bodies of the triggers are compared with
what the migrations wrote.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from app.models import TableKind, tables_of
from app.queries.errors import ExpectedError

MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"
FUNCTION = "remelt_refuse_change"
FUNCTION_BODY = """
BEGIN
    RAISE EXCEPTION 'table % is append-only: % is refused', TG_TABLE_NAME, TG_OP;
END;
"""


class SchemaError(ExpectedError):
    """The database is not one that this version of the application can work on."""


def config() -> Config:
    """Alembic's configuration, without a file."""
    made = Config()
    made.set_main_option("script_location", str(MIGRATIONS))
    return made


def upgrade(engine: Engine, revision: str = "head") -> tuple[str | None, str | None]:
    """Bring the schema up to a revision, in one transaction; give (before, after)."""
    with engine.begin() as connection:
        before = revision_of(connection)
        made = config()
        made.attributes["connection"] = connection
        command.upgrade(made, revision)
        after = revision_of(connection)
    return before, after


def revision_of(connection: Connection) -> str | None:
    """The revision that the database is at; None for an empty one."""
    return MigrationContext.configure(connection).get_current_revision()


def newest_revision() -> str | None:
    """The newest revision among the migrations."""
    return ScriptDirectory.from_config(config()).get_current_head()


def sqlite_trigger(table: str, event: str) -> tuple[str, str]:
    """Name and statement of the trigger that refuses one kind of change on SQLite."""
    name = f"{table}_refuses_{event.lower()}"
    body = (
        f"CREATE TRIGGER {name} BEFORE {event} ON {table} BEGIN "
        f"SELECT RAISE(ABORT, 'table {table} is append-only: {event} is refused'); END"
    )
    return name, body


def postgresql_triggers(table: str) -> dict[str, str]:
    """Names and statements of the two triggers of a fact table on PostgreSQL."""
    row, statement = f"{table}_refuses_change", f"{table}_refuses_truncate"
    return {
        row: f"CREATE TRIGGER {row} BEFORE DELETE OR UPDATE ON public.{table} "
        f"FOR EACH ROW EXECUTE FUNCTION {FUNCTION}()",
        statement: f"CREATE TRIGGER {statement} BEFORE TRUNCATE ON public.{table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {FUNCTION}()",
    }


def check_schema(engine: Engine) -> None:
    """Refuse a database that is not up to date or whose facts are not protected.

    Raises:
        SchemaError: With everything that is wrong.
    """
    with engine.connect() as connection:
        found, newest = revision_of(connection), newest_revision()
        if found != newest:
            raise SchemaError(
                f"the database is at revision {found or 'none'}, this version needs "
                f"{newest}: run 'remelt db upgrade'"
            )
        if faults := trigger_faults(connection):
            raise SchemaError("; ".join(faults))


def trigger_faults(connection: Connection) -> list[str]:
    """What is wrong with the triggers of the fact tables; empty when all is well."""
    if connection.dialect.name == "sqlite":
        found, expected = _found_sqlite(connection), _expected_sqlite()
    else:
        found, expected = _found_postgresql(connection), _expected_postgresql()
    faults = [
        f"the trigger {name} is missing" for name in expected if name not in found
    ]
    faults += [
        f"the trigger {name} is not as it was made: found {found[name]!r}"
        for name in expected
        if name in found and found[name] != expected[name]
    ]
    return faults


def _expected_sqlite() -> dict[str, str]:
    pairs = (
        sqlite_trigger(table, event)
        for table in tables_of(TableKind.FACT)
        for event in ("UPDATE", "DELETE")
    )
    return dict(pairs)


def _found_sqlite(connection: Connection) -> dict[str, str]:
    rows = connection.execute(
        text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
    )
    return {name: sql for name, sql in rows}


def _expected_postgresql() -> dict[str, str]:
    expected = {FUNCTION: FUNCTION_BODY}
    for table in tables_of(TableKind.FACT):
        expected |= postgresql_triggers(table)
    return expected


def _found_postgresql(connection: Connection) -> dict[str, str]:
    rows = connection.execute(
        text(
            "SELECT tgname, CASE WHEN tgenabled IN ('O', 'A') THEN "
            "pg_get_triggerdef(oid) ELSE 'disabled' END "
            "FROM pg_trigger WHERE NOT tgisinternal"
        )
    )
    found: dict[str, str] = {name: definition for name, definition in rows}
    bodies = connection.execute(
        text("SELECT proname, prosrc FROM pg_proc WHERE proname = :name"),
        {"name": FUNCTION},
    )
    found.update((name, body) for name, body in bodies)
    return found
