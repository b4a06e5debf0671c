"""The feed of changes to cases, in commit order; waking officers whose page is closed."""

from collections.abc import Sequence

from alembic import op

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

TABLES = """
alter table case_events add column xid xid8 not null default pg_current_xact_id();
create index ix_case_events_feed on case_events (xid, id);

create table feed_followers (
    name text not null,
    xid xid8 not null,
    id bigint not null,
    constraint pk_feed_followers primary key (name)
);

create table staff_devices (
    staff_id uuid not null,
    recipient bytea not null,
    constraint pk_staff_devices primary key (staff_id),
    constraint uq_staff_devices_recipient unique (recipient),
    constraint fk_staff_devices_staff_id_staff
        foreign key (staff_id) references staff (id) on delete cascade
);
"""

GRANTS = """
grant select on case_informed to tinbao_api;
drop policy informed_api on case_informed;
create policy informed_api on case_informed to tinbao_api using (true) with check (true);
grant select, insert, update, delete on staff_devices to tinbao_api;

grant select on case_events, staff_devices to tinbao_worker;
grant select (id, role, station_id, province_code, disabled_at) on staff to tinbao_worker;
grant select, insert, update on feed_followers to tinbao_worker;
"""


def upgrade() -> None:
    """Go forward. Events from before the upgrade count as one transaction's, the upgrade's own."""
    op.execute(TABLES)
    op.execute(GRANTS)


def downgrade() -> None:
    """Go back."""
    op.execute("revoke select on case_events from tinbao_worker")
    op.execute(
        "revoke select (id, role, station_id, province_code, disabled_at) on staff"
        " from tinbao_worker"
    )
    op.execute("drop policy informed_api on case_informed")
    op.execute("create policy informed_api on case_informed to tinbao_api with check (true)")
    op.execute("revoke select on case_informed from tinbao_api")
    op.execute("drop table staff_devices, feed_followers")
    op.execute("drop index ix_case_events_feed")
    op.execute("alter table case_events drop column xid")
