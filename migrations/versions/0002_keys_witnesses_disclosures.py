"""Ends of keys, cosignatures of witnesses, private values under keys, erasures."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

FACT_TABLES = ("signing_key_end", "cosignature", "erasure")


def upgrade() -> None:
    op.create_table(
        "signing_key_end",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("signing_key_id", sa.BigInteger(), nullable=False),
        sa.Column("replaced_by_id", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["signing_key_id"],
            ["signing_key.id"],
            name=op.f("fk_signing_key_end_signing_key_id_signing_key"),
        ),
        sa.ForeignKeyConstraint(
            ["replaced_by_id"],
            ["signing_key.id"],
            name=op.f("fk_signing_key_end_replaced_by_id_signing_key"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signing_key_end")),
        sa.UniqueConstraint(
            "signing_key_id", name=op.f("uq_signing_key_end_signing_key_id")
        ),
    )
    op.create_table(
        "cosignature",
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("witness", sa.Text(), nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.Column("cosigned_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["size"], ["checkpoint.size"], name=op.f("fk_cosignature_size_checkpoint")
        ),
        sa.PrimaryKeyConstraint("size", "witness", name=op.f("pk_cosignature")),
    )
    op.create_table(
        "witness",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("tried_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_witness")),
    )
    _create_disclosure_tables()
    op.create_index(
        "ix_log_entry_org_entry_index", "log_entry", ["org", "entry_index", "type"]
    )
    op.create_index("ix_log_entry_at_entry_index", "log_entry", ["at", "entry_index"])
    with op.batch_alter_table("disclosure") as table:
        table.alter_column("text", existing_type=sa.Text(), nullable=True)
        table.add_column(sa.Column("sealed", sa.LargeBinary(), nullable=True))
        table.add_column(sa.Column("key_number", sa.BigInteger(), nullable=True))
    with op.batch_alter_table("import_file") as table:
        table.alter_column("content", existing_type=sa.LargeBinary(), nullable=True)
        table.add_column(sa.Column("content_key", sa.LargeBinary(), nullable=True))
    # They hold names and plates in plain; one that still waits loses it when done
    op.execute(
        "UPDATE import_file SET content = NULL WHERE state NOT IN ('queued', 'running')"
    )
    op.create_index(op.f("ix_disclosure_key_number"), "disclosure", ["key_number"])
    guard_facts()


def _create_disclosure_tables() -> None:
    op.create_table(
        "disclosure_key",
        sa.Column("org", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("condemned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("destroyed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("org", "number", name=op.f("pk_disclosure_key")),
    )
    op.create_index(
        op.f("ix_disclosure_key_condemned_at"), "disclosure_key", ["condemned_at"]
    )
    op.create_table(
        "disclosure_grant",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=False,
        ),
        sa.Column("entry_index", sa.BigInteger(), nullable=False),
        sa.Column("names", sa.Text(), nullable=True),
        sa.Column("to_organisation_id", sa.BigInteger(), nullable=False),
        sa.Column("granted_by_id", sa.Integer(), nullable=False),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["entry_index"],
            ["log_entry.entry_index"],
            name=op.f("fk_disclosure_grant_entry_index_log_entry"),
        ),
        sa.ForeignKeyConstraint(
            ["to_organisation_id"],
            ["organisation.id"],
            name=op.f("fk_disclosure_grant_to_organisation_id_organisation"),
        ),
        sa.ForeignKeyConstraint(
            ["granted_by_id"],
            ["user.id"],
            name=op.f("fk_disclosure_grant_granted_by_id_user"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_disclosure_grant")),
    )
    op.create_index(
        op.f("ix_disclosure_grant_entry_index"), "disclosure_grant", ["entry_index"]
    )
    op.create_index(
        "ix_disclosure_grant_to_organisation_id",
        "disclosure_grant",
        ["to_organisation_id"],
    )
    op.create_table(
        "erasure",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("erased_index", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("basis", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["erased_index"],
            ["log_entry.entry_index"],
            name=op.f("fk_erasure_erased_index_log_entry"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erasure")),
        sa.UniqueConstraint("digest", name=op.f("uq_erasure_digest")),
    )
    op.create_index(op.f("ix_erasure_erased_index"), "erasure", ["erased_index"])


def guard_facts() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for table in FACT_TABLES:
            for event in ("UPDATE", "DELETE"):
                op.execute(
                    f"CREATE TRIGGER {table}_refuses_{event.lower()} BEFORE {event} "
                    f"ON {table} BEGIN SELECT RAISE(ABORT, 'table {table} is "
                    f"append-only: {event} is refused'); END"
                )
        return
    for table in FACT_TABLES:
        op.execute(
            f"CREATE TRIGGER {table}_refuses_change BEFORE DELETE OR UPDATE "
            f"ON {table} FOR EACH ROW EXECUTE FUNCTION remelt_refuse_change()"
        )
        op.execute(
            f"CREATE TRIGGER {table}_refuses_truncate BEFORE TRUNCATE "
            f"ON {table} FOR EACH STATEMENT EXECUTE FUNCTION remelt_refuse_change()"
        )


def downgrade() -> None:
    raise NotImplementedError("facts are never dropped: restore a backup instead")
