"""Self-managed groups, their members and invitations; what admins do with staff."""

from collections.abc import Sequence

from alembic import op

revision: str = "0008"
down_revision: str | None = "0007"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

TABLES = """
create table groups (
    id uuid not null default gen_random_uuid(),
    name text not null,
    type text not null,
    ward_code text not null,
    station_id text not null,
    leader_office text,
    created_by uuid not null,
    created_at timestamptz not null default now(),
    disbanded_at timestamptz,
    constraint pk_groups primary key (id),
    constraint fk_groups_station_id foreign key (station_id) references stations (id),
    constraint fk_groups_created_by foreign key (created_by) references staff (id),
    constraint ck_groups_type check (type in ('to_tu_quan', 'luc_luong_co_so', 'to_lien_gia',
        'to_hoa_giai', 'khu_dan_cu', 'dong_ho', 'co_quan_doanh_nghiep', 'other'))
);
create index ix_groups_station on groups (station_id, id);

create table invitations (
    id uuid not null default gen_random_uuid(),
    group_id uuid not null,
    code_hash bytea not null,
    role text not null,
    uses_left smallint not null,
    expires_at timestamptz not null,
    ended_at timestamptz,
    created_by uuid,
    replaces uuid,
    created_at timestamptz not null default now(),
    constraint pk_invitations primary key (id),
    constraint uq_invitations_code_hash unique (code_hash),
    constraint fk_invitations_group_id foreign key (group_id) references groups (id),
    constraint fk_invitations_created_by foreign key (created_by) references staff (id),
    constraint ck_invitations_role check (role in ('leader', 'member')),
    constraint ck_invitations_uses_left check (uses_left >= 0),
    constraint ck_invitations_maker check ((created_by is null) = (replaces is not null))
);
create index ix_invitations_group_id on invitations (group_id);

create table memberships (
    id uuid not null default gen_random_uuid(),
    group_id uuid not null,
    member_key bytea not null,
    role text not null,
    invitation_id uuid not null,
    joined_at timestamptz not null,
    left_at timestamptz,
    constraint pk_memberships primary key (id),
    constraint fk_memberships_group_id foreign key (group_id) references groups (id),
    constraint fk_memberships_invitation_id foreign key (invitation_id) references invitations (id),
    constraint ck_memberships_role check (role in ('leader', 'member'))
);
create unique index ix_memberships_present on memberships (member_key, group_id)
    where left_at is null;
create index ix_memberships_group on memberships (group_id) where left_at is null;
alter table invitations add constraint fk_invitations_replaces
    foreign key (replaces) references memberships (id);
"""

# What reports claimed of groups before there were any is flagged `unknown-group`, and stays so.
REPORTS = """
update reports set group_id = null where group_id is not null;
alter table reports add constraint fk_reports_group_id
    foreign key (group_id) references groups (id);
create index ix_reports_group on reports (group_id, received_at) where group_id is not null;
"""

# An officer reads what a group is called, and never who belongs to it. An account of staff keeps
# its id, its name and its beginning for good, and nobody who serves deletes one.
GRANTS = """
grant select, insert on groups, invitations, memberships to tinbao_api;
grant update (name, type, ward_code, station_id, leader_office, disbanded_at) on groups
    to tinbao_api;
grant update (uses_left, ended_at) on invitations to tinbao_api;
grant update (role, invitation_id, left_at) on memberships to tinbao_api;

grant select (id, name, ward_code) on groups to tinbao_officer, tinbao_worker;
grant select (group_id, member_key, role, left_at) on memberships to tinbao_worker;

grant insert on staff to tinbao_api;
grant update (password_hash, totp_secret, role, station_id, province_code, disabled_at) on staff
    to tinbao_api;
"""

TAKE_BACK = """
revoke update (password_hash, totp_secret, role, station_id, province_code, disabled_at) on staff
    from tinbao_api;
revoke insert on staff from tinbao_api;
drop index ix_reports_group;
alter table reports drop constraint fk_reports_group_id;
alter table invitations drop constraint fk_invitations_replaces;
drop table memberships, invitations, groups;
"""


def upgrade() -> None:
    """Go forward."""
    op.execute(TABLES)
    op.execute(REPORTS)
    op.execute(GRANTS)


def downgrade() -> None:
    """Go back. Reports keep the ids of groups that nobody knows any more until the way forward."""
    op.execute(TAKE_BACK)
