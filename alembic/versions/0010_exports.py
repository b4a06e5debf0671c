"""Exports, and reports that officers take in for somebody at their desk."""

from collections.abc import Sequence

from alembic import op

revision: str = "0010"
down_revision: str | None = "0009"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

TABLES = """
create table exports (
    id uuid not null,
    staff_id uuid not null,
    station_id text not null,
    format text not null,
    filter jsonb not null,
    created_at timestamptz not null default now(),
    finished_at timestamptz,
    cases integer,
    constraint pk_exports primary key (id),
    constraint fk_exports_staff_id_staff foreign key (staff_id) references staff (id),
    constraint fk_exports_station_id_stations foreign key (station_id) references stations (id),
    constraint ck_exports_format check (format in ('csv', 'xlsx', 'geojson'))
);

alter table reports
    add column channel text not null default 'app',
    add column taken_by uuid,
    add constraint ck_reports_channel check (channel in ('app', 'walk_in', 'phone', 'letter')),
    add constraint fk_reports_taken_by_staff foreign key (taken_by) references staff (id);
"""

GRANTS = """
grant insert, select (id), update (finished_at, cases) on exports to tinbao_api;
grant select (channel, taken_by) on reports to tinbao_officer;
"""


def upgrade() -> None:
    """Go forward."""
    op.execute(TABLES)
    op.execute(GRANTS)


def downgrade() -> None:
    """Go back."""
    op.execute("alter table reports drop column channel, drop column taken_by")
    op.execute("drop table exports")
