"""The work on a case: claims, dialogue, outcomes, links between cases."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


# What the steps of a case write. Whose a case is, and where, is not the officers' role's to change:
# the service hands a case over, in the transaction in which the officer's role took the step.
STEP_GRANTS = """
grant select (assignee_id, claimed_by, claimed_until, last_station_id, bounces, closed_at,
              duplicate_of),
      update (assignee_id, claimed_by, claimed_until, closed_at, duplicate_of)
    on reports to tinbao_officer;
grant update (state, version, kind, category, urgency, location, accuracy_m, place_source,
              claimed_ward_code, claimed_province_code, cell_r9, station_id, edition_id, ward_code,
              province_code, confidence, routing, first_routing, flags, register_year,
              register_number, assignee_id, claimed_by, claimed_until, last_station_id, bounces,
              closed_at, duplicate_of)
    on reports to tinbao_api;
grant select, delete on case_informed to tinbao_api;
drop policy informed_api on case_informed;
create policy informed_api on case_informed to tinbao_api using (true) with check (true);
"""

# Officers know the colleagues of their station by name, and of the accounts nothing else.
COLLEAGUES = """
create view colleagues with (security_barrier) as
    select id, username, role, disabled_at is null as active from staff
     where station_id = nullif(current_setting('tinbao.station', true), '');
grant select on colleagues to tinbao_officer, tinbao_api;
"""

BACK = """
drop view colleagues;
drop policy informed_api on case_informed;
create policy informed_api on case_informed to tinbao_api with check (true);
revoke select, delete on case_informed from tinbao_api;
revoke update (state, version, kind, category, urgency, location, accuracy_m, place_source,
               claimed_ward_code, claimed_province_code, cell_r9, station_id, edition_id,
               ward_code, province_code, confidence, routing, first_routing, flags, register_year,
               register_number)
    on reports from tinbao_api;
"""


def upgrade() -> None:
    """Go forward."""
    add_steps()
    add_dialogue_and_outcomes()


def downgrade() -> None:
    """Go back."""
    drop_dialogue_and_outcomes()
    drop_steps()


def add_steps() -> None:
    """Who works on a case, where it came from, when it ended."""
    for column in (
        sa.Column("assignee_id", sa.Uuid(), nullable=True),
        sa.Column("claimed_by", sa.Uuid(), nullable=True),
        sa.Column("claimed_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_station_id", sa.Text(), nullable=True),
        sa.Column("bounces", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("duplicate_of", sa.Uuid(), nullable=True),
    ):
        op.add_column("reports", column)
    for column, table, key in (
        ("assignee_id", "staff", "id"),
        ("claimed_by", "staff", "id"),
        ("last_station_id", "stations", "id"),
        ("duplicate_of", "reports", "case_id"),
    ):
        op.create_foreign_key(op.f(f"fk_reports_{column}"), "reports", table, [column], [key])
    op.create_index(
        "ix_reports_duplicate_of",
        "reports",
        ["duplicate_of"],
        postgresql_where=sa.text("duplicate_of is not null"),
    )
    op.create_unique_constraint(
        op.f("uq_register_entries_station_id"), "register_entries", ["station_id", "case_id"]
    )
    op.execute(STEP_GRANTS)
    op.execute(COLLEAGUES)


def drop_steps() -> None:
    """Without them again."""
    op.execute(BACK)
    op.drop_constraint(op.f("uq_register_entries_station_id"), "register_entries")
    op.drop_index("ix_reports_duplicate_of", table_name="reports")
    for column in (
        "assignee_id",
        "claimed_by",
        "claimed_until",
        "last_station_id",
        "bounces",
        "closed_at",
        "duplicate_of",
    ):
        op.drop_column("reports", column)


# --- dialogue and outcomes

MINE = "nullif(current_setting('tinbao.station', true), '')"
SEEN = "exists (select from reports r where r.case_id = {table}.case_id)"
OWNED = (
    "exists (select from reports r where r.case_id = {table}.case_id and r.station_id = "
    + MINE
    + ")"
)

# The reporter's side never reads an internal note: the service has no right to that column.
DIALOGUE_GRANTS = """
grant select, insert on case_messages to tinbao_api, tinbao_officer;
grant select (id, case_id, at, state, reason_code, public_text, station_id) on case_outcomes
    to tinbao_api;
grant select, insert on case_outcomes to tinbao_officer;
grant select on outcome_reasons to tinbao_api, tinbao_officer;
grant select, insert, update (satisfied, text, at) on case_feedback to tinbao_api;
grant select on case_feedback to tinbao_officer;
grant select, insert, update, delete on response_templates to tinbao_api, tinbao_officer;
grant select (merged_count), update (merged_count) on reports to tinbao_officer;
grant update (merged_count) on reports to tinbao_api;
"""


def dialogue_policies() -> str:
    """Who sees and adds which rows; what is not granted above has no policy either."""
    of_cases = "".join(
        f"""
alter table {table} enable row level security;
create policy {table}_api on {table} to tinbao_api using (true) with check (true);
create policy {table}_seen on {table} for select to tinbao_officer
    using ({SEEN.format(table=table)});
create policy {table}_added on {table} for insert to tinbao_officer
    with check ({OWNED.format(table=table)});
"""
        for table in ("case_messages", "case_outcomes", "case_feedback")
    )
    return f"""{of_cases}
alter table response_templates enable row level security;
create policy templates_api on response_templates to tinbao_api
    using (station_id is null) with check (station_id is null);
create policy templates_seen on response_templates for select to tinbao_officer
    using (station_id is null or station_id = {MINE});
create policy templates_own on response_templates to tinbao_officer
    using (station_id = {MINE}) with check (station_id = {MINE});
"""


RESOLVED, DISMISSED = "report.resolved", "report.dismissed"

# code, step, Vietnamese, English, whether only a chief may give it
OUTCOME_REASONS = [
    ("handled_on_site", RESOLVED, "Đã giải quyết tại chỗ", "Settled on the spot", False),
    ("warned", RESOLVED, "Đã nhắc nhở, cảnh cáo", "Warned", False),
    ("fined", RESOLVED, "Đã xử phạt vi phạm hành chính", "Administrative fine", False),
    (
        "case_opened",
        RESOLVED,
        "Đã khởi tố hoặc chuyển cơ quan điều tra",
        "Criminal case opened, or handed to the investigators",
        False,
    ),
    (
        "passed_on",
        RESOLVED,
        "Đã chuyển cơ quan có thẩm quyền",
        "Passed to the authority in charge",
        False,
    ),
    ("reconciled", RESOLVED, "Đã hòa giải thành", "Reconciled", False),
    ("ceased", RESOLVED, "Sự việc đã chấm dứt", "What was reported has ceased", False),
    ("noted", RESOLVED, "Đã ghi nhận, theo dõi địa bàn", "Noted; the place is watched", False),
    (
        "nothing_found",
        DISMISSED,
        "Kiểm tra, không phát hiện vi phạm",
        "Checked; no offence was found",
        False,
    ),
    (
        "not_enough_information",
        DISMISSED,
        "Không đủ thông tin để xác minh",
        "Too little is known to check it",
        False,
    ),
    (
        "outside_competence",
        DISMISSED,
        "Không thuộc thẩm quyền của công an",
        "Not a matter for the police",
        False,
    ),
    ("handled_before", DISMISSED, "Đã được giải quyết trước đó", "Settled before", False),
    ("false_report", DISMISSED, "Tin báo không đúng sự thật", "What was reported is untrue", True),
]


def add_dialogue_and_outcomes() -> None:
    """Messages, outcomes, feedback, response templates."""
    op.add_column(
        "reports",
        sa.Column("merged_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
    )
    op.create_table(
        "case_messages",
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("question", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("station_id", sa.Text(), nullable=True),
        sa.Column("staff_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint("side in ('reporter', 'station')", name=op.f("ck_case_messages_side")),
        sa.CheckConstraint(
            "(side = 'station') = (staff_id is not null)"
            " and (side = 'station') = (station_id is not null)",
            name=op.f("ck_case_messages_author"),
        ),
        sa.ForeignKeyConstraint(
            ["case_id"], ["reports.case_id"], name=op.f("fk_case_messages_case_id")
        ),
        sa.ForeignKeyConstraint(
            ["station_id"], ["stations.id"], name=op.f("fk_case_messages_station_id")
        ),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_case_messages_staff_id")),
        sa.PrimaryKeyConstraint("case_id", "number", name=op.f("pk_case_messages")),
        sa.UniqueConstraint("case_id", "side", "id", name="uq_case_messages_id"),
    )
    reasons = op.create_table(
        "outcome_reasons",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("name_vi", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False),
        sa.Column("needs_chief", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.CheckConstraint(
            "step in ('report.resolved', 'report.dismissed')", name=op.f("ck_outcome_reasons_step")
        ),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_outcome_reasons")),
    )
    op.create_table(
        "case_outcomes",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason_code", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("public_text", sa.Text(), nullable=False),
        sa.Column("station_id", sa.Text(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["case_id"], ["reports.case_id"], name=op.f("fk_case_outcomes_case_id")
        ),
        sa.ForeignKeyConstraint(
            ["reason_code"], ["outcome_reasons.code"], name=op.f("fk_case_outcomes_reason_code")
        ),
        sa.ForeignKeyConstraint(
            ["station_id"], ["stations.id"], name=op.f("fk_case_outcomes_station_id")
        ),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_case_outcomes_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_case_outcomes")),
    )
    op.create_index("ix_case_outcomes_case", "case_outcomes", ["case_id", "id"], unique=False)
    op.create_table(
        "case_feedback",
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("satisfied", sa.Boolean(), nullable=False),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["case_id"], ["reports.case_id"], name=op.f("fk_case_feedback_case_id")
        ),
        sa.PrimaryKeyConstraint("case_id", "closed_at", name=op.f("pk_case_feedback")),
    )
    op.create_table(
        "response_templates",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("station_id", sa.Text(), nullable=True),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=True),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "step in ('message', 'question', 'progress', 'resolution', 'dismissal')",
            name=op.f("ck_response_templates_step"),
        ),
        sa.CheckConstraint("language in ('vi', 'en')", name=op.f("ck_response_templates_language")),
        sa.ForeignKeyConstraint(
            ["station_id"], ["stations.id"], name=op.f("fk_response_templates_station_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_response_templates")),
    )
    op.create_index(
        op.f("ix_response_templates_station_id"), "response_templates", ["station_id"], unique=False
    )
    names = ("position", "code", "step", "name_vi", "name_en", "needs_chief")
    op.bulk_insert(
        reasons,
        [
            dict(zip(names, (n, *reason), strict=True))
            for n, reason in enumerate(OUTCOME_REASONS, start=1)
        ],
    )
    op.execute(DIALOGUE_GRANTS)
    op.execute(dialogue_policies())


def drop_dialogue_and_outcomes() -> None:
    """Without them again."""
    for table in (
        "response_templates",
        "case_feedback",
        "case_outcomes",
        "outcome_reasons",
        "case_messages",
    ):
        op.drop_table(table)
    op.drop_column("reports", "merged_count")
