"""first tables"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from geoalchemy2 import Geometry
from sqlalchemy.dialects import postgresql

from notifications.tables import XID8

revision: str = "0001"
down_revision: str | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Go forward."""
    op.execute("create extension if not exists postgis")
    op.create_table(
        "boundary_editions",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("effective_from", sa.Date(), nullable=False),
        sa.Column("approximate", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("attribution", sa.Text(), server_default="", nullable=False),
        sa.Column("imported_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("activated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("activation", sa.Integer(), nullable=True),
        sa.Column("report", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.CheckConstraint(
            "state in ('loading', 'imported', 'activated')", name=op.f("ck_boundary_editions_state")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_boundary_editions")),
        sa.UniqueConstraint("activation", name=op.f("uq_boundary_editions_activation")),
    )
    op.create_table(
        "provinces",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_provinces")),
    )
    op.create_geospatial_table(
        "stations",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("province_code", sa.Text(), nullable=True),
        sa.Column(
            "location",
            Geometry(
                geometry_type="POINT",
                srid=4326,
                dimension=2,
                spatial_index=False,
                from_text="ST_GeomFromEWKT",
                name="geometry",
            ),
            nullable=True,
        ),
        sa.CheckConstraint(
            "kind in ('ward', 'province_desk', 'national_desk', 'oversight')",
            name=op.f("ck_stations_kind"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stations")),
    )
    op.create_index(op.f("ix_stations_province_code"), "stations", ["province_code"], unique=False)
    op.create_table(
        "ward_aliases",
        sa.Column("alias", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("alias", name=op.f("pk_ward_aliases")),
    )
    op.create_table(
        "ward_successions",
        sa.Column("old_code", sa.Text(), nullable=False),
        sa.Column("new_code", sa.Text(), nullable=False),
        sa.Column("old_name", sa.Text(), nullable=False),
        sa.Column("relation", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "relation in ('whole', 'part_main', 'part')", name=op.f("ck_ward_successions_relation")
        ),
        sa.PrimaryKeyConstraint("old_code", "new_code", name=op.f("pk_ward_successions")),
    )
    op.create_index(
        op.f("ix_ward_successions_new_code"), "ward_successions", ["new_code"], unique=False
    )
    op.create_geospatial_table(
        "boundary_gaps",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("edition_id", sa.Integer(), nullable=False),
        sa.Column(
            "hole",
            Geometry(
                geometry_type="POLYGON",
                srid=4326,
                dimension=2,
                spatial_index=False,
                from_text="ST_GeomFromEWKT",
                name="geometry",
                nullable=False,
            ),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["edition_id"],
            ["boundary_editions.id"],
            name=op.f("fk_boundary_gaps_edition_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_boundary_gaps")),
    )
    op.create_index(
        op.f("ix_boundary_gaps_edition_id"), "boundary_gaps", ["edition_id"], unique=False
    )
    op.create_table(
        "jurisdictions",
        sa.Column("ward_code", sa.Text(), nullable=False),
        sa.Column("station_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["station_id"], ["stations.id"], name=op.f("fk_jurisdictions_station_id")
        ),
        sa.PrimaryKeyConstraint("ward_code", name=op.f("pk_jurisdictions")),
    )
    op.create_index(
        op.f("ix_jurisdictions_station_id"), "jurisdictions", ["station_id"], unique=False
    )
    op.create_geospatial_table(
        "wards",
        sa.Column("edition_id", sa.Integer(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=True),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("province_code", sa.Text(), nullable=False),
        sa.Column("province_name", sa.Text(), nullable=False),
        sa.Column(
            "boundary",
            Geometry(
                geometry_type="MULTIPOLYGON",
                srid=4326,
                dimension=2,
                spatial_index=False,
                from_text="ST_GeomFromEWKT",
                name="geometry",
                nullable=False,
            ),
            nullable=False,
        ),
        sa.Column("area_m2", sa.Double(), nullable=False),
        sa.CheckConstraint(
            "type in ('ward', 'commune', 'special_zone')", name=op.f("ck_wards_type")
        ),
        sa.ForeignKeyConstraint(
            ["edition_id"],
            ["boundary_editions.id"],
            name=op.f("fk_wards_edition_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("edition_id", "code", name=op.f("pk_wards")),
    )
    # Boundaries do not compress, and trying makes reading an edition three times slower.
    op.execute("alter table wards alter boundary set storage external")
    op.create_geospatial_index(
        "ix_wards_boundary",
        "wards",
        ["boundary"],
        unique=False,
        postgresql_using="gist",
        postgresql_ops={},
    )
    op.create_table(
        "acknowledgements",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column(
            "xid",
            XID8(),
            server_default=sa.text("pg_current_xact_id()"),
            nullable=False,
        ),
        sa.Column("subject", sa.Uuid(), nullable=False),
        sa.Column("recipient", sa.LargeBinary(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("data", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("shown_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_acknowledgements")),
    )
    op.create_index(
        "ix_acknowledgements_recipient",
        "acknowledgements",
        ["recipient", "xid", "seq"],
        unique=False,
    )
    op.create_index(
        "ix_acknowledgements_subject", "acknowledgements", ["subject", "xid", "seq"], unique=False
    )
    op.create_table(
        "inbox_bindings",
        sa.Column("recipient", sa.LargeBinary(), nullable=False),
        sa.Column("subject", sa.Uuid(), nullable=False),
        sa.Column(
            "xid",
            XID8(),
            server_default=sa.text("pg_current_xact_id()"),
            nullable=False,
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("recipient", "subject", name=op.f("pk_inbox_bindings")),
    )
    op.create_index(op.f("ix_inbox_bindings_subject"), "inbox_bindings", ["subject"], unique=False)
    op.create_table(
        "push_tokens",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("lease", sa.Uuid(), nullable=True),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("dropped_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "sealed is null or dropped_at is null", name=op.f("ck_push_tokens_tombstone")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_push_tokens")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_push_tokens_token_hash")),
    )
    op.create_table(
        "deliveries",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("acknowledgement_id", sa.Uuid(), nullable=False),
        sa.Column("token_id", sa.BigInteger(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="pending", nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "due_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("lease", sa.Uuid(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("message_name", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "state in ('pending', 'sent', 'dropped', 'expired', 'dead')",
            name=op.f("ck_deliveries_state"),
        ),
        sa.ForeignKeyConstraint(
            ["acknowledgement_id"],
            ["acknowledgements.id"],
            name=op.f("fk_deliveries_acknowledgement_id"),
        ),
        sa.ForeignKeyConstraint(
            ["token_id"], ["push_tokens.id"], name=op.f("fk_deliveries_token_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
    )
    op.create_index(
        op.f("ix_deliveries_acknowledgement_id"), "deliveries", ["acknowledgement_id"], unique=False
    )
    op.create_index(
        "ix_deliveries_dead",
        "deliveries",
        ["id"],
        unique=False,
        postgresql_where=sa.text("state = 'dead'"),
    )
    op.create_index(
        "ix_deliveries_due",
        "deliveries",
        ["due_at"],
        unique=False,
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index(
        "ix_deliveries_token",
        "deliveries",
        ["token_id"],
        unique=False,
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_table(
        "push_registrations",
        sa.Column("recipient", sa.LargeBinary(), nullable=False),
        sa.Column("token_id", sa.BigInteger(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["token_id"], ["push_tokens.id"], name=op.f("fk_push_registrations_token_id")
        ),
        sa.PrimaryKeyConstraint("recipient", name=op.f("pk_push_registrations")),
    )
    op.create_index(
        op.f("ix_push_registrations_token_id"), "push_registrations", ["token_id"], unique=False
    )
    op.create_table(
        "audit_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column(
            "xid",
            XID8(),
            server_default=sa.text("pg_current_xact_id()"),
            nullable=False,
        ),
        sa.Column(
            "at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("actor_kind", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Text(), nullable=True),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("object_kind", sa.Text(), nullable=False),
        sa.Column("object_id", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("scope", sa.Text(), nullable=True),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_events")),
    )
    op.create_index(
        "ix_audit_events_object", "audit_events", ["object_kind", "object_id"], unique=False
    )
    op.create_table(
        "categories",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column("kinds", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("name_vi", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False),
        sa.Column("urgency", sa.SmallInteger(), nullable=False),
        sa.Column("emergency_call", sa.Text(), nullable=True),
        sa.Column("sensitive", sa.Boolean(), nullable=False),
        sa.Column("questions", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_categories")),
    )
    op.create_table(
        "devices",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_devices")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_devices_token_hash")),
    )
    op.create_table(
        "rate_limits",
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("tat", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_rate_limits")),
        prefixes=["UNLOGGED"],
    )
    op.create_index("ix_rate_limits_tat", "rate_limits", ["tat"], unique=False)
    op.create_table(
        "registers",
        sa.Column("station_id", sa.Text(), nullable=False),
        sa.Column("year", sa.SmallInteger(), nullable=False),
        sa.Column("last_number", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["station_id"], ["stations.id"], name=op.f("fk_registers_station_id")
        ),
        sa.PrimaryKeyConstraint("station_id", "year", name=op.f("pk_registers")),
    )
    op.create_table(
        "sealing_keys",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("suite", sa.Text(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sealing_keys")),
    )
    op.create_index(op.f("ix_sealing_keys_scope"), "sealing_keys", ["scope"], unique=False)
    op.create_table(
        "staff",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("totp_secret", sa.LargeBinary(), nullable=False),
        sa.Column("totp_last_step", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("recovery_hashes", postgresql.ARRAY(sa.LargeBinary()), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("station_id", sa.Text(), nullable=True),
        sa.Column("province_code", sa.Text(), nullable=True),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "(station_id is not null) = (role in ('duty_officer', 'station_chief', 'oversight'))",
            name=op.f("ck_staff_station"),
        ),
        sa.CheckConstraint(
            "role != 'province_commander' or province_code is not null",
            name=op.f("ck_staff_province"),
        ),
        sa.CheckConstraint(
            "role in ('duty_officer', 'station_chief', 'province_commander', 'oversight', 'admin', 'auditor')",
            name=op.f("ck_staff_role"),
        ),
        sa.ForeignKeyConstraint(["station_id"], ["stations.id"], name=op.f("fk_staff_station_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff")),
        sa.UniqueConstraint("username", name=op.f("uq_staff_username")),
    )
    op.create_table(
        "installation",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_installation")),
    )
    op.create_table(
        "worker_heartbeats",
        sa.Column("worker", sa.Uuid(), nullable=False),
        sa.Column(
            "at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("worker", name=op.f("pk_worker_heartbeats")),
    )
    op.create_geospatial_table(
        "reports",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), server_default="received", nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("category_word", sa.Text(), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("about_station", sa.Boolean(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column(
            "location",
            Geometry(
                geometry_type="POINT",
                srid=4326,
                dimension=2,
                spatial_index=False,
                from_text="ST_GeomFromEWKT",
                name="geometry",
            ),
            nullable=True,
        ),
        sa.Column("accuracy_m", sa.Double(), nullable=True),
        sa.Column("place_source", sa.Text(), nullable=False),
        sa.Column("place_note", sa.Text(), nullable=True),
        sa.Column("claimed_ward_code", sa.Text(), nullable=True),
        sa.Column("claimed_province_code", sa.Text(), nullable=True),
        sa.Column("cell_r9", sa.BigInteger(), nullable=True),
        sa.Column("observed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("urgency", sa.SmallInteger(), nullable=False),
        sa.Column("station_id", sa.Text(), nullable=False),
        sa.Column("edition_id", sa.Integer(), nullable=True),
        sa.Column("ward_code", sa.Text(), nullable=True),
        sa.Column("province_code", sa.Text(), nullable=True),
        sa.Column("confidence", sa.Text(), nullable=False),
        sa.Column("routing", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("first_routing", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column(
            "flags", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column("group_id", sa.Uuid(), nullable=True),
        sa.Column("register_year", sa.SmallInteger(), nullable=True),
        sa.Column("register_number", sa.Integer(), nullable=True),
        sa.Column("reporter_kind", sa.Text(), nullable=False),
        sa.Column("reporter_key", sa.LargeBinary(), nullable=True),
        sa.Column("body_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("receipt_hash", sa.LargeBinary(), nullable=False),
        sa.Column("receipt_key_id", sa.Text(), nullable=False),
        sa.Column("receipt_signature", sa.LargeBinary(), nullable=False),
        sa.Column("acknowledgement_id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "(reporter_key is null) = (reporter_kind = 'anonymous')",
            name=op.f("ck_reports_reporter"),
        ),
        sa.CheckConstraint(
            "kind in ('tip', 'crime_report', 'public_order', 'petition', 'complaint_about_police', 'group_reconciliation')",
            name=op.f("ck_reports_kind"),
        ),
        sa.CheckConstraint(
            "place_source in ('gps', 'network', 'pin', 'address', 'unknown')",
            name=op.f("ck_reports_place_source"),
        ),
        sa.CheckConstraint(
            "reporter_kind in ('anonymous', 'device', 'account')",
            name=op.f("ck_reports_reporter_kind"),
        ),
        sa.CheckConstraint(
            "state in ('received', 'acknowledged', 'in_progress', 'need_info', 'resolved', 'not_actionable', 'duplicate', 'withdrawn')",
            name=op.f("ck_reports_state"),
        ),
        sa.CheckConstraint(
            "location is null or (ST_X(location) between -180 and 180 and ST_Y(location) between -90 and 90)",
            name=op.f("ck_reports_location"),
        ),
        sa.ForeignKeyConstraint(
            ["category"], ["categories.code"], name=op.f("fk_reports_category")
        ),
        sa.ForeignKeyConstraint(
            ["edition_id"], ["boundary_editions.id"], name=op.f("fk_reports_edition_id")
        ),
        sa.ForeignKeyConstraint(
            ["station_id"], ["stations.id"], name=op.f("fk_reports_station_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reports")),
        sa.UniqueConstraint("case_id", name=op.f("uq_reports_case_id")),
        sa.UniqueConstraint("receipt_hash", name=op.f("uq_reports_receipt_hash")),
    )
    op.create_index(
        "ix_reports_edition",
        "reports",
        ["edition_id"],
        unique=False,
        postgresql_where=sa.text(
            "state in ('received', 'acknowledged', 'in_progress', 'need_info')"
        ),
    )
    op.create_geospatial_index(
        "ix_reports_open_location",
        "reports",
        ["location"],
        unique=False,
        postgresql_using="gist",
        postgresql_where=sa.text(
            "state in ('received', 'acknowledged', 'in_progress', 'need_info')"
        ),
        postgresql_ops={},
    )
    op.create_index(
        "ix_reports_queue",
        "reports",
        ["station_id", sa.literal_column("urgency desc"), "received_at", "case_id"],
        unique=False,
        postgresql_where=sa.text(
            "state in ('received', 'acknowledged', 'in_progress', 'need_info')"
        ),
    )
    op.create_index(
        "ix_reports_received", "reports", ["received_at"], unique=False, postgresql_using="brin"
    )
    op.create_index(
        "ix_reports_reporter",
        "reports",
        ["reporter_key", "received_at"],
        unique=False,
        postgresql_where=sa.text("reporter_key is not null"),
    )
    op.create_index("ix_reports_station", "reports", ["station_id", "received_at"], unique=False)
    op.create_table(
        "staff_sessions",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "seen_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["staff_id"], ["staff.id"], name=op.f("fk_staff_sessions_staff_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_staff_sessions")),
    )
    op.create_index(
        op.f("ix_staff_sessions_staff_id"), "staff_sessions", ["staff_id"], unique=False
    )
    op.create_table(
        "case_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column(
            "at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("actor_kind", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Text(), nullable=True),
        sa.Column(
            "data",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["case_id"], ["reports.case_id"], name=op.f("fk_case_events_case_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_case_events")),
    )
    op.create_index("ix_case_events_case", "case_events", ["case_id", "id"], unique=False)
    op.create_table(
        "case_informed",
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("station_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["case_id"], ["reports.case_id"], name=op.f("fk_case_informed_case_id")
        ),
        sa.ForeignKeyConstraint(
            ["station_id"], ["stations.id"], name=op.f("fk_case_informed_station_id")
        ),
        sa.PrimaryKeyConstraint("case_id", "station_id", name=op.f("pk_case_informed")),
    )
    op.create_index(
        op.f("ix_case_informed_station_id"), "case_informed", ["station_id"], unique=False
    )
    op.create_table(
        "register_entries",
        sa.Column("station_id", sa.Text(), nullable=False),
        sa.Column("year", sa.SmallInteger(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column(
            "entered_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["case_id"], ["reports.case_id"], name=op.f("fk_register_entries_case_id")
        ),
        sa.ForeignKeyConstraint(
            ["station_id"], ["stations.id"], name=op.f("fk_register_entries_station_id")
        ),
        sa.PrimaryKeyConstraint("station_id", "year", "number", name=op.f("pk_register_entries")),
    )
    op.create_index(
        op.f("ix_register_entries_case_id"), "register_entries", ["case_id"], unique=False
    )
    op.create_table(
        "sealed_contacts",
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["case_id"], ["reports.case_id"], name=op.f("fk_sealed_contacts_case_id")
        ),
        sa.ForeignKeyConstraint(
            ["key_id"], ["sealing_keys.id"], name=op.f("fk_sealed_contacts_key_id")
        ),
        sa.PrimaryKeyConstraint("case_id", name=op.f("pk_sealed_contacts")),
    )


def downgrade() -> None:
    """Go back."""
    op.drop_table("sealed_contacts")
    op.drop_index(op.f("ix_register_entries_case_id"), table_name="register_entries")
    op.drop_table("register_entries")
    op.drop_index(op.f("ix_case_informed_station_id"), table_name="case_informed")
    op.drop_table("case_informed")
    op.drop_index("ix_case_events_case", table_name="case_events")
    op.drop_table("case_events")
    op.drop_index(op.f("ix_staff_sessions_staff_id"), table_name="staff_sessions")
    op.drop_table("staff_sessions")
    op.drop_index("ix_reports_station", table_name="reports")
    op.drop_index(
        "ix_reports_reporter",
        table_name="reports",
        postgresql_where=sa.text("reporter_key is not null"),
    )
    op.drop_index("ix_reports_received", table_name="reports", postgresql_using="brin")
    op.drop_index(
        "ix_reports_queue",
        table_name="reports",
        postgresql_where=sa.text(
            "state in ('received', 'acknowledged', 'in_progress', 'need_info')"
        ),
    )
    op.drop_geospatial_index(
        "ix_reports_open_location",
        table_name="reports",
        postgresql_using="gist",
        postgresql_where=sa.text(
            "state in ('received', 'acknowledged', 'in_progress', 'need_info')"
        ),
        column_name="location",
    )
    op.drop_index(
        "ix_reports_edition",
        table_name="reports",
        postgresql_where=sa.text(
            "state in ('received', 'acknowledged', 'in_progress', 'need_info')"
        ),
    )
    op.drop_geospatial_table("reports")
    op.drop_table("worker_heartbeats")
    op.drop_table("installation")
    op.drop_table("staff")
    op.drop_index(op.f("ix_sealing_keys_scope"), table_name="sealing_keys")
    op.drop_table("sealing_keys")
    op.drop_table("registers")
    op.drop_index("ix_rate_limits_tat", table_name="rate_limits")
    op.drop_table("rate_limits")
    op.drop_table("devices")
    op.drop_table("categories")
    op.drop_index("ix_audit_events_object", table_name="audit_events")
    op.drop_table("audit_events")
    op.drop_index(op.f("ix_push_registrations_token_id"), table_name="push_registrations")
    op.drop_table("push_registrations")
    op.drop_index(
        "ix_deliveries_token",
        table_name="deliveries",
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.drop_index(
        "ix_deliveries_due", table_name="deliveries", postgresql_where=sa.text("state = 'pending'")
    )
    op.drop_index(
        "ix_deliveries_dead", table_name="deliveries", postgresql_where=sa.text("state = 'dead'")
    )
    op.drop_index(op.f("ix_deliveries_acknowledgement_id"), table_name="deliveries")
    op.drop_table("deliveries")
    op.drop_table("push_tokens")
    op.drop_index(op.f("ix_inbox_bindings_subject"), table_name="inbox_bindings")
    op.drop_table("inbox_bindings")
    op.drop_index("ix_acknowledgements_subject", table_name="acknowledgements")
    op.drop_index("ix_acknowledgements_recipient", table_name="acknowledgements")
    op.drop_table("acknowledgements")
    op.drop_geospatial_index(
        "ix_wards_boundary", table_name="wards", postgresql_using="gist", column_name="boundary"
    )
    op.drop_geospatial_table("wards")
    op.drop_index(op.f("ix_jurisdictions_station_id"), table_name="jurisdictions")
    op.drop_table("jurisdictions")
    op.drop_index(op.f("ix_boundary_gaps_edition_id"), table_name="boundary_gaps")
    op.drop_geospatial_table("boundary_gaps")
    op.drop_index(op.f("ix_ward_successions_new_code"), table_name="ward_successions")
    op.drop_table("ward_successions")
    op.drop_table("ward_aliases")
    op.drop_index(op.f("ix_stations_province_code"), table_name="stations")
    op.drop_geospatial_table("stations")
    op.drop_table("provinces")
    op.drop_table("boundary_editions")
