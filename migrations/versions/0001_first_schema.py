"""The first schema: log, facts, projections, users; facts guarded by triggers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

FACT_TABLES = (
    "checkpoint",
    "log_entry",
    "organisation",
    "entry_party",
    "facility",
    "signing_key",
    "voiding",
    "process_run",
    "scale",
    "supply_record",
    "lot",
    "claim",
    "lot_alias",
    "lot_revision",
    "run_flow",
    "taking",
    "transfer",
    "claim_withdrawal",
    "delivery",
    "label",
    "transfer_outcome",
    "label_voiding",
)
FUNCTION = """
CREATE FUNCTION remelt_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'table % is append-only: % is refused', TG_TABLE_NAME, TG_OP;
END;
$$"""


def upgrade() -> None:
    op.create_table(
        "checkpoint",
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("root", sa.LargeBinary(length=32), nullable=False),
        sa.Column("note", sa.LargeBinary(), nullable=False),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("size", name=op.f("pk_checkpoint")),
    )
    op.create_table(
        "label_code",
        sa.Column("code_sha256", sa.LargeBinary(length=32), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("code_sha256", name=op.f("pk_label_code")),
    )
    op.create_table(
        "log_entry",
        sa.Column("entry_index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("leaf_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("note", sa.LargeBinary(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("org", sa.Text(), nullable=False),
        sa.Column("fact_id", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("request_digest", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("entry_index", name=op.f("pk_log_entry")),
        sa.UniqueConstraint("leaf_hash", name=op.f("uq_log_entry_leaf_hash")),
        sa.UniqueConstraint("org", "fact_id", name=op.f("uq_log_entry_org_fact_id")),
    )
    op.create_index(
        "ix_log_entry_type_entry_index",
        "log_entry",
        ["type", "entry_index"],
        unique=False,
    )
    op.create_table(
        "log_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("frontier", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_log_head")),
    )
    op.create_table(
        "log_tile",
        sa.Column("level", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("tile_index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("root", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("level", "tile_index", name=op.f("pk_log_tile")),
    )
    op.create_table(
        "organisation",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name_zh", sa.Text(), nullable=True),
        sa.Column("name_en", sa.Text(), nullable=True),
        sa.Column("roles", sa.Text(), nullable=False),
        sa.Column("uscc", sa.Text(), nullable=True),
        sa.Column("control_group", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organisation")),
        sa.UniqueConstraint("code", name=op.f("uq_organisation_code")),
    )
    op.create_table(
        "role",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_role")),
        sa.UniqueConstraint("name", name=op.f("uq_role_name")),
    )
    op.create_table(
        "sealed_key",
        sa.Column("key_name", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key_name", name=op.f("pk_sealed_key")),
    )
    op.create_table(
        "signer",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("alive_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signer")),
    )
    op.create_table(
        "disclosure",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("entry_index", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["entry_index"],
            ["log_entry.entry_index"],
            name=op.f("fk_disclosure_entry_index_log_entry"),
        ),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_disclosure")),
    )
    op.create_index(
        op.f("ix_disclosure_entry_index"), "disclosure", ["entry_index"], unique=False
    )
    op.create_table(
        "entry_party",
        sa.Column("entry_index", sa.BigInteger(), nullable=False),
        sa.Column("organisation_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["entry_index"],
            ["log_entry.entry_index"],
            name=op.f("fk_entry_party_entry_index_log_entry"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisation.id"],
            name=op.f("fk_entry_party_organisation_id_organisation"),
        ),
        sa.PrimaryKeyConstraint(
            "entry_index", "organisation_id", name=op.f("pk_entry_party")
        ),
    )
    op.create_index(
        "ix_entry_party_organisation_id_entry_index",
        "entry_party",
        ["organisation_id", "entry_index"],
        unique=False,
    )
    op.create_table(
        "facility",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("organisation_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("province", sa.Text(), nullable=False),
        sa.Column("name_zh", sa.Text(), nullable=True),
        sa.Column("name_en", sa.Text(), nullable=True),
        sa.Column("boundary_code", sa.Text(), nullable=False),
        sa.Column("boundary_text_zh", sa.Text(), nullable=True),
        sa.Column("boundary_text_en", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisation.id"],
            name=op.f("fk_facility_organisation_id_organisation"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_facility")),
        sa.UniqueConstraint("code", name=op.f("uq_facility_code")),
    )
    op.create_index(
        op.f("ix_facility_organisation_id"),
        "facility",
        ["organisation_id"],
        unique=False,
    )
    op.create_table(
        "import_file",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("organisation_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("template", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("rows_total", sa.Integer(), nullable=True),
        sa.Column("rows_done", sa.Integer(), nullable=False),
        sa.Column("facts_posted", sa.Integer(), nullable=False),
        sa.Column("facts_known", sa.Integer(), nullable=False),
        sa.Column("faults", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisation.id"],
            name=op.f("fk_import_file_organisation_id_organisation"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import_file")),
    )
    op.create_index(
        "ix_import_file_organisation_id",
        "import_file",
        ["organisation_id"],
        unique=False,
    )
    op.create_table(
        "signing_key",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("organisation_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("key_name", sa.Text(), nullable=False),
        sa.Column("vkey", sa.Text(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(length=32), nullable=False),
        sa.Column("held_by", sa.Text(), nullable=False),
        sa.Column("next_digest", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisation.id"],
            name=op.f("fk_signing_key_organisation_id_organisation"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signing_key")),
        sa.UniqueConstraint("key_name", name=op.f("uq_signing_key_key_name")),
        sa.UniqueConstraint("public_key", name=op.f("uq_signing_key_public_key")),
    )
    op.create_index(
        op.f("ix_signing_key_organisation_id"),
        "signing_key",
        ["organisation_id"],
        unique=False,
    )
    op.create_table(
        "user",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("password", sa.Text(), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("fs_uniquifier", sa.Text(), nullable=False),
        sa.Column("organisation_id", sa.BigInteger(), nullable=True),
        sa.Column("locale", sa.Text(), nullable=True),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("unit IN ('kg', 't')", name=op.f("ck_user_unit_known")),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisation.id"],
            name=op.f("fk_user_organisation_id_organisation"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user")),
        sa.UniqueConstraint("email", name=op.f("uq_user_email")),
        sa.UniqueConstraint("fs_uniquifier", name=op.f("uq_user_fs_uniquifier")),
    )
    op.create_index(
        op.f("ix_user_organisation_id"), "user", ["organisation_id"], unique=False
    )
    op.create_table(
        "voiding",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("voided_index", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["voided_index"],
            ["log_entry.entry_index"],
            name=op.f("fk_voiding_voided_index_log_entry"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_voiding")),
        sa.UniqueConstraint("voided_index", name=op.f("uq_voiding_voided_index")),
    )
    op.create_table(
        "month_closure",
        sa.Column("facility_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("material", sa.Text(), nullable=False),
        sa.Column("month", sa.Text(), nullable=False),
        sa.Column("as_of_index", sa.BigInteger(), nullable=False),
        sa.Column("net_in_g", sa.BigInteger(), nullable=False),
        sa.Column("net_difference_g", sa.BigInteger(), nullable=False),
        sa.Column("metal_in_g", sa.BigInteger(), nullable=False),
        sa.Column("gain_unknown_g", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["facility_id"],
            ["facility.id"],
            name=op.f("fk_month_closure_facility_id_facility"),
        ),
        sa.PrimaryKeyConstraint(
            "facility_id", "material", "month", name=op.f("pk_month_closure")
        ),
    )
    op.create_table(
        "process_run",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("own_number", sa.Text(), nullable=True),
        sa.Column("organisation_id", sa.BigInteger(), nullable=False),
        sa.Column("facility_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("net_in_g", sa.BigInteger(), nullable=False),
        sa.Column("net_out_g", sa.BigInteger(), nullable=False),
        sa.Column("losses", sa.Text(), nullable=False),
        sa.Column("gain_g", sa.BigInteger(), nullable=False),
        sa.Column("net_difference_g", sa.BigInteger(), nullable=False),
        sa.Column("metal_in_g", sa.BigInteger(), nullable=False),
        sa.Column("gain_unknown_g", sa.BigInteger(), nullable=False),
        sa.Column("metal_loss_g", sa.BigInteger(), nullable=False),
        sa.Column("findings", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["facility_id"],
            ["facility.id"],
            name=op.f("fk_process_run_facility_id_facility"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisation.id"],
            name=op.f("fk_process_run_organisation_id_organisation"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_process_run")),
        sa.UniqueConstraint("code", name=op.f("uq_process_run_code")),
    )
    op.create_index(
        "ix_process_run_facility_id", "process_run", ["facility_id"], unique=False
    )
    op.create_table(
        "scale",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("facility_id", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("scale_class", sa.Text(), nullable=True),
        sa.Column("e_g", sa.BigInteger(), nullable=False),
        sa.Column("max_g", sa.BigInteger(), nullable=False),
        sa.Column("certificate_until", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(
            ["facility_id"], ["facility.id"], name=op.f("fk_scale_facility_id_facility")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scale")),
        sa.UniqueConstraint(
            "facility_id", "code", name=op.f("uq_scale_facility_id_code")
        ),
    )
    op.create_table(
        "supply_record",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("entry_index", sa.BigInteger(), nullable=False),
        sa.Column("about_index", sa.BigInteger(), nullable=False),
        sa.Column("sign", sa.Integer(), nullable=False),
        sa.Column("month", sa.Text(), nullable=False),
        sa.Column("province", sa.Text(), nullable=False),
        sa.Column("metal", sa.Text(), nullable=False),
        sa.Column("flow", sa.Text(), nullable=False),
        sa.Column("origin_class", sa.Text(), nullable=False),
        sa.Column("imported", sa.Boolean(), nullable=False),
        sa.Column("facility_id", sa.BigInteger(), nullable=False),
        sa.Column("metal_g", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("metal_g > 0", name=op.f("ck_supply_record_metal_g")),
        sa.CheckConstraint("sign in (-1, 1)", name=op.f("ck_supply_record_sign")),
        sa.ForeignKeyConstraint(
            ["facility_id"],
            ["facility.id"],
            name=op.f("fk_supply_record_facility_id_facility"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_supply_record")),
    )
    op.create_index(
        "ix_supply_record_about_index", "supply_record", ["about_index"], unique=False
    )
    op.create_index(
        "ix_supply_record_sums",
        "supply_record",
        [
            "month",
            "metal",
            "origin_class",
            "imported",
            "flow",
            "province",
            "entry_index",
            "sign",
            "metal_g",
        ],
        unique=False,
    )
    op.create_table(
        "token",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user.id"], name=op.f("fk_token_user_id_user")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_token")),
        sa.UniqueConstraint("digest", name=op.f("uq_token_digest")),
    )
    op.create_index(op.f("ix_token_user_id"), "token", ["user_id"], unique=False)
    op.create_table(
        "user_role",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("role_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["role_id"], ["role.id"], name=op.f("fk_user_role_role_id_role")
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user.id"], name=op.f("fk_user_role_user_id_user")
        ),
        sa.PrimaryKeyConstraint("user_id", "role_id", name=op.f("pk_user_role")),
    )
    op.create_table(
        "lot",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("organisation_id", sa.BigInteger(), nullable=False),
        sa.Column("facility_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("material", sa.Text(), nullable=False),
        sa.Column("metal", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=True),
        sa.Column("pool_from_g", sa.BigInteger(), nullable=True),
        sa.Column("claim_block", sa.Text(), nullable=True),
        sa.Column("net_g", sa.BigInteger(), nullable=False),
        sa.Column("metal_g", sa.BigInteger(), nullable=False),
        sa.Column("elv_domestic_g", sa.BigInteger(), nullable=False),
        sa.Column("elv_imported_g", sa.BigInteger(), nullable=False),
        sa.Column("post_domestic_g", sa.BigInteger(), nullable=False),
        sa.Column("post_imported_g", sa.BigInteger(), nullable=False),
        sa.Column("pre_domestic_g", sa.BigInteger(), nullable=False),
        sa.Column("pre_imported_g", sa.BigInteger(), nullable=False),
        sa.Column("internal_domestic_g", sa.BigInteger(), nullable=False),
        sa.Column("internal_imported_g", sa.BigInteger(), nullable=False),
        sa.Column("primary_domestic_g", sa.BigInteger(), nullable=False),
        sa.Column("primary_imported_g", sa.BigInteger(), nullable=False),
        sa.Column("unknown_domestic_g", sa.BigInteger(), nullable=False),
        sa.Column("unknown_imported_g", sa.BigInteger(), nullable=False),
        sa.Column("uncounted_elv_domestic_g", sa.BigInteger(), nullable=True),
        sa.Column("uncounted_elv_imported_g", sa.BigInteger(), nullable=True),
        sa.Column("uncounted_post_domestic_g", sa.BigInteger(), nullable=True),
        sa.Column("uncounted_post_imported_g", sa.BigInteger(), nullable=True),
        sa.Column("uncounted_pre_domestic_g", sa.BigInteger(), nullable=True),
        sa.Column("uncounted_pre_imported_g", sa.BigInteger(), nullable=True),
        sa.Column("uncounted_unknown_domestic_g", sa.BigInteger(), nullable=True),
        sa.Column("uncounted_unknown_imported_g", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["facility_id"], ["facility.id"], name=op.f("fk_lot_facility_id_facility")
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisation.id"],
            name=op.f("fk_lot_organisation_id_organisation"),
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["process_run.id"], name=op.f("fk_lot_run_id_process_run")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lot")),
        sa.UniqueConstraint("code", name=op.f("uq_lot_code")),
    )
    op.create_index("ix_lot_facility_id", "lot", ["facility_id"], unique=False)
    brings_primary = "run_id IS NULL AND primary_domestic_g + primary_imported_g > 0"
    op.create_index(
        "ix_lot_primary",
        "lot",
        ["made_at"],
        unique=False,
        sqlite_where=sa.text(brings_primary),
        postgresql_where=sa.text(brings_primary),
    )
    op.create_index("ix_lot_run_id", "lot", ["run_id"], unique=False)
    op.create_table(
        "claim",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("lot_id", sa.BigInteger(), nullable=False),
        sa.Column("organisation_id", sa.BigInteger(), nullable=False),
        sa.Column("from_g", sa.BigInteger(), nullable=False),
        sa.Column("to_g", sa.BigInteger(), nullable=False),
        sa.Column("claimed_g", sa.BigInteger(), nullable=False),
        sa.Column("share_ppm", sa.Integer(), nullable=False),
        sa.Column("elv_ppm", sa.Integer(), nullable=False),
        sa.Column("post_ppm", sa.Integer(), nullable=False),
        sa.Column("pre_ppm", sa.Integer(), nullable=False),
        sa.Column("upper_ppm", sa.Integer(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("rule_set", sa.Text(), nullable=False),
        sa.Column("boundary_text", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("from_g < to_g", name=op.f("ck_claim_stretch_not_empty")),
        sa.ForeignKeyConstraint(
            ["lot_id"], ["lot.id"], name=op.f("fk_claim_lot_id_lot")
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisation.id"],
            name=op.f("fk_claim_organisation_id_organisation"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_claim")),
        sa.UniqueConstraint("code", name=op.f("uq_claim_code")),
    )
    op.create_index("ix_claim_lot_id", "claim", ["lot_id"], unique=False)
    op.create_index(
        "ix_claim_organisation_id", "claim", ["organisation_id"], unique=False
    )
    op.create_table(
        "lot_alias",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("lot_id", sa.BigInteger(), nullable=False),
        sa.Column("facility_id", sa.BigInteger(), nullable=False),
        sa.Column("scheme", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["facility_id"],
            ["facility.id"],
            name=op.f("fk_lot_alias_facility_id_facility"),
        ),
        sa.ForeignKeyConstraint(
            ["lot_id"], ["lot.id"], name=op.f("fk_lot_alias_lot_id_lot")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lot_alias")),
    )
    op.create_index("ix_lot_alias_lot_id", "lot_alias", ["lot_id"], unique=False)
    op.create_index("ix_lot_alias_value", "lot_alias", ["value"], unique=False)
    op.create_table(
        "lot_revision",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("lot_id", sa.BigInteger(), nullable=False),
        sa.Column("metal_g", sa.BigInteger(), nullable=False),
        sa.Column("elv_domestic_g", sa.BigInteger(), nullable=False),
        sa.Column("elv_imported_g", sa.BigInteger(), nullable=False),
        sa.Column("post_domestic_g", sa.BigInteger(), nullable=False),
        sa.Column("post_imported_g", sa.BigInteger(), nullable=False),
        sa.Column("pre_domestic_g", sa.BigInteger(), nullable=False),
        sa.Column("pre_imported_g", sa.BigInteger(), nullable=False),
        sa.Column("internal_domestic_g", sa.BigInteger(), nullable=False),
        sa.Column("internal_imported_g", sa.BigInteger(), nullable=False),
        sa.Column("primary_domestic_g", sa.BigInteger(), nullable=False),
        sa.Column("primary_imported_g", sa.BigInteger(), nullable=False),
        sa.Column("unknown_domestic_g", sa.BigInteger(), nullable=False),
        sa.Column("unknown_imported_g", sa.BigInteger(), nullable=False),
        sa.Column("uncounted_elv_domestic_g", sa.BigInteger(), nullable=True),
        sa.Column("uncounted_elv_imported_g", sa.BigInteger(), nullable=True),
        sa.Column("uncounted_post_domestic_g", sa.BigInteger(), nullable=True),
        sa.Column("uncounted_post_imported_g", sa.BigInteger(), nullable=True),
        sa.Column("uncounted_pre_domestic_g", sa.BigInteger(), nullable=True),
        sa.Column("uncounted_pre_imported_g", sa.BigInteger(), nullable=True),
        sa.Column("uncounted_unknown_domestic_g", sa.BigInteger(), nullable=True),
        sa.Column("uncounted_unknown_imported_g", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["lot_id"], ["lot.id"], name=op.f("fk_lot_revision_lot_id_lot")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lot_revision")),
    )
    op.create_index("ix_lot_revision_lot_id", "lot_revision", ["lot_id"], unique=False)
    op.create_table(
        "run_flow",
        sa.Column("run_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("lot_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("net_g", sa.BigInteger(), nullable=False),
        sa.Column("metal_g", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["lot_id"], ["lot.id"], name=op.f("fk_run_flow_lot_id_lot")
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["process_run.id"], name=op.f("fk_run_flow_run_id_process_run")
        ),
        sa.PrimaryKeyConstraint("run_id", "lot_id", name=op.f("pk_run_flow")),
    )
    op.create_index(
        "ix_run_flow_lot_id", "run_flow", ["lot_id", "run_id"], unique=False
    )
    op.create_table(
        "taking",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("lot_id", sa.BigInteger(), nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=True),
        sa.Column("from_g", sa.BigInteger(), nullable=False),
        sa.Column("to_g", sa.BigInteger(), nullable=False),
        sa.Column("further", sa.Text(), nullable=True),
        sa.Column("net_g", sa.BigInteger(), nullable=False),
        sa.Column("metal_g", sa.BigInteger(), nullable=False),
        sa.Column("elv_domestic_g", sa.BigInteger(), nullable=False),
        sa.Column("elv_imported_g", sa.BigInteger(), nullable=False),
        sa.Column("post_domestic_g", sa.BigInteger(), nullable=False),
        sa.Column("post_imported_g", sa.BigInteger(), nullable=False),
        sa.Column("pre_domestic_g", sa.BigInteger(), nullable=False),
        sa.Column("pre_imported_g", sa.BigInteger(), nullable=False),
        sa.Column("internal_domestic_g", sa.BigInteger(), nullable=False),
        sa.Column("internal_imported_g", sa.BigInteger(), nullable=False),
        sa.Column("primary_domestic_g", sa.BigInteger(), nullable=False),
        sa.Column("primary_imported_g", sa.BigInteger(), nullable=False),
        sa.Column("unknown_domestic_g", sa.BigInteger(), nullable=False),
        sa.Column("unknown_imported_g", sa.BigInteger(), nullable=False),
        sa.Column("uncounted_elv_domestic_g", sa.BigInteger(), nullable=True),
        sa.Column("uncounted_elv_imported_g", sa.BigInteger(), nullable=True),
        sa.Column("uncounted_post_domestic_g", sa.BigInteger(), nullable=True),
        sa.Column("uncounted_post_imported_g", sa.BigInteger(), nullable=True),
        sa.Column("uncounted_pre_domestic_g", sa.BigInteger(), nullable=True),
        sa.Column("uncounted_pre_imported_g", sa.BigInteger(), nullable=True),
        sa.Column("uncounted_unknown_domestic_g", sa.BigInteger(), nullable=True),
        sa.Column("uncounted_unknown_imported_g", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["lot_id"], ["lot.id"], name=op.f("fk_taking_lot_id_lot")
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["process_run.id"], name=op.f("fk_taking_run_id_process_run")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_taking")),
    )
    op.create_index("ix_taking_lot_id", "taking", ["lot_id"], unique=False)
    op.create_index("ix_taking_run_id", "taking", ["run_id"], unique=False)
    op.create_table(
        "transfer",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("own_number", sa.Text(), nullable=True),
        sa.Column("lot_id", sa.BigInteger(), nullable=False),
        sa.Column("from_facility_id", sa.BigInteger(), nullable=False),
        sa.Column("to_facility_id", sa.BigInteger(), nullable=False),
        sa.Column("net_g", sa.BigInteger(), nullable=False),
        sa.Column("error_squared", sa.BigInteger(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=True),
        sa.Column("km", sa.Integer(), nullable=True),
        sa.Column("dispatched_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["from_facility_id"],
            ["facility.id"],
            name=op.f("fk_transfer_from_facility_id_facility"),
        ),
        sa.ForeignKeyConstraint(
            ["lot_id"], ["lot.id"], name=op.f("fk_transfer_lot_id_lot")
        ),
        sa.ForeignKeyConstraint(
            ["to_facility_id"],
            ["facility.id"],
            name=op.f("fk_transfer_to_facility_id_facility"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transfer")),
        sa.UniqueConstraint("code", name=op.f("uq_transfer_code")),
    )
    op.create_index(
        "ix_transfer_from_facility_id", "transfer", ["from_facility_id"], unique=False
    )
    op.create_index("ix_transfer_lot_id", "transfer", ["lot_id"], unique=False)
    op.create_index(
        "ix_transfer_to_facility_id", "transfer", ["to_facility_id"], unique=False
    )
    op.create_table(
        "claim_state",
        sa.Column("claim_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("as_of_index", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["claim_id"], ["claim.id"], name=op.f("fk_claim_state_claim_id_claim")
        ),
        sa.PrimaryKeyConstraint("claim_id", name=op.f("pk_claim_state")),
    )
    op.create_table(
        "claim_withdrawal",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("claim_id", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["claim_id"], ["claim.id"], name=op.f("fk_claim_withdrawal_claim_id_claim")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_claim_withdrawal")),
        sa.UniqueConstraint("claim_id", name=op.f("uq_claim_withdrawal_claim_id")),
    )
    op.create_table(
        "delivery",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("lot_id", sa.BigInteger(), nullable=False),
        sa.Column("organisation_id", sa.BigInteger(), nullable=False),
        sa.Column("facility_id", sa.BigInteger(), nullable=False),
        sa.Column("taking_id", sa.BigInteger(), nullable=False),
        sa.Column("net_g", sa.BigInteger(), nullable=False),
        sa.Column("destination", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=True),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["facility_id"],
            ["facility.id"],
            name=op.f("fk_delivery_facility_id_facility"),
        ),
        sa.ForeignKeyConstraint(
            ["lot_id"], ["lot.id"], name=op.f("fk_delivery_lot_id_lot")
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisation.id"],
            name=op.f("fk_delivery_organisation_id_organisation"),
        ),
        sa.ForeignKeyConstraint(
            ["taking_id"], ["taking.id"], name=op.f("fk_delivery_taking_id_taking")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery")),
    )
    op.create_index("ix_delivery_lot_id", "delivery", ["lot_id"], unique=False)
    op.create_table(
        "label",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("code_sha256", sa.LargeBinary(length=32), nullable=False),
        sa.Column("organisation_id", sa.BigInteger(), nullable=False),
        sa.Column("lot_id", sa.BigInteger(), nullable=False),
        sa.Column("claim_id", sa.BigInteger(), nullable=True),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["claim_id"], ["claim.id"], name=op.f("fk_label_claim_id_claim")
        ),
        sa.ForeignKeyConstraint(
            ["lot_id"], ["lot.id"], name=op.f("fk_label_lot_id_lot")
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisation.id"],
            name=op.f("fk_label_organisation_id_organisation"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_label")),
        sa.UniqueConstraint("code_sha256", name=op.f("uq_label_code_sha256")),
    )
    op.create_index("ix_label_claim_id", "label", ["claim_id"], unique=False)
    op.create_index("ix_label_lot_id", "label", ["lot_id"], unique=False)
    op.create_table(
        "lot_balance",
        sa.Column("lot_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("as_of_index", sa.BigInteger(), nullable=False),
        sa.Column("organisation_id", sa.BigInteger(), nullable=False),
        sa.Column("facility_id", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("since_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revision_id", sa.BigInteger(), nullable=True),
        sa.Column("goes_on_g", sa.BigInteger(), nullable=False),
        sa.Column("placed_to_g", sa.BigInteger(), nullable=False),
        sa.Column("gaps", sa.Text(), nullable=False),
        sa.Column("left_g", sa.BigInteger(), nullable=False),
        sa.Column("claimed", sa.Text(), nullable=False),
        sa.Column("claimed_g", sa.BigInteger(), nullable=False),
        sa.Column("internal_as_unknown", sa.Boolean(), nullable=False),
        sa.Column("claim_block", sa.Text(), nullable=True),
        sa.Column("transfer_id", sa.BigInteger(), nullable=True),
        sa.Column("received_index", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["facility_id"],
            ["facility.id"],
            name=op.f("fk_lot_balance_facility_id_facility"),
        ),
        sa.ForeignKeyConstraint(
            ["lot_id"], ["lot.id"], name=op.f("fk_lot_balance_lot_id_lot")
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisation.id"],
            name=op.f("fk_lot_balance_organisation_id_organisation"),
        ),
        sa.ForeignKeyConstraint(
            ["revision_id"],
            ["lot_revision.id"],
            name=op.f("fk_lot_balance_revision_id_lot_revision"),
        ),
        sa.ForeignKeyConstraint(
            ["transfer_id"],
            ["transfer.id"],
            name=op.f("fk_lot_balance_transfer_id_transfer"),
        ),
        sa.PrimaryKeyConstraint("lot_id", name=op.f("pk_lot_balance")),
    )
    op.create_index(
        "ix_lot_balance_facility_id", "lot_balance", ["facility_id"], unique=False
    )
    op.create_index(
        "ix_lot_balance_organisation_id_state",
        "lot_balance",
        ["organisation_id", "state"],
        unique=False,
    )
    op.create_table(
        "transfer_outcome",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("transfer_id", sa.BigInteger(), nullable=False),
        sa.Column("accepted", sa.Boolean(), nullable=False),
        sa.Column("net_g", sa.BigInteger(), nullable=True),
        sa.Column("goes_on_g", sa.BigInteger(), nullable=True),
        sa.Column("lost_metal_g", sa.BigInteger(), nullable=True),
        sa.Column("within_tolerance", sa.Boolean(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["transfer_id"],
            ["transfer.id"],
            name=op.f("fk_transfer_outcome_transfer_id_transfer"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transfer_outcome")),
        sa.UniqueConstraint(
            "transfer_id", name=op.f("uq_transfer_outcome_transfer_id")
        ),
    )
    op.create_table(
        "label_voiding",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("label_id", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["label_id"], ["label.id"], name=op.f("fk_label_voiding_label_id_label")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_label_voiding")),
        sa.UniqueConstraint("label_id", name=op.f("uq_label_voiding_label_id")),
    )
    guard_facts()


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
    op.execute(FUNCTION)
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
    raise NotImplementedError("the first schema holds the log: it is never dropped")
