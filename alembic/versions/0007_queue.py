"""Search, saved views, the order of informed cases, and the shapes that tiles are drawn from."""

from collections.abc import Sequence

from alembic import op

revision: str = "0007"
down_revision: str | None = "0006"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

IS_OPEN = "state in ('received', 'acknowledged', 'in_progress', 'need_info')"

# As `api.texts.folded` has it, for the letters of Vietnamese. Marks come off first, because the
# database's own `lower` may know the letters of ASCII only.
SEARCH = r"""
alter table reports add column folded text not null default '';
update reports set folded = normalize(
    lower(translate(
        regexp_replace(
            normalize(text || coalesce(' ' || place_note, ''), nfd), '[\u0300-\u036f]', '', 'g'),
        'Đđ', 'dd')),
    nfc)
"""

# Where a point is in web Mercator: 26 bits of x and of y by turns, so every tile is one range of
# numbers. Comparing numbers tells nothing about rows one may not see, and comparing shapes might:
# under row-level security only the numbers can be looked up in an index.
QUADS = """
create function web_quad(place geometry) returns bigint
language plpgsql immutable strict parallel safe as $$
declare
    x bigint := least(67108863, greatest(0, floor((ST_X(place) + 180) / 360 * 67108864)));
    -- a latitude next to nothing would make the functions below complain of underflow
    lat float8 := case when abs(ST_Y(place)) < 1e-9 then 0
        else least(85.06, greatest(-85.06, ST_Y(place))) end;
    y bigint := least(67108863, greatest(0, floor(
        (1 - asinh(tan(radians(lat))) / pi()) / 2 * 67108864)));
begin
    x := (x | (x << 16)) & 281470681808895;
    x := (x | (x << 8)) & 71777214294589695;
    x := (x | (x << 4)) & 1085102592571150095;
    x := (x | (x << 2)) & 3689348814741910323;
    x := (x | (x << 1)) & 6148914691236517205;
    y := (y | (y << 16)) & 281470681808895;
    y := (y | (y << 8)) & 71777214294589695;
    y := (y | (y << 4)) & 1085102592571150095;
    y := (y | (y << 2)) & 3689348814741910323;
    y := (y | (y << 1)) & 6148914691236517205;
    return (y << 1) | x;
end $$;
alter table reports add column quad bigint generated always as (web_quad(location)) stored;
"""

# A station may be informed of many cases that were closed long ago: their order is kept beside
# them, so a page looks up only the cases it shows.
INFORMED = f"""
alter table case_informed
    add column urgency smallint, add column received_at timestamptz, add column open boolean;
update case_informed set urgency = r.urgency, received_at = r.received_at, open = {IS_OPEN}
    from reports r where r.case_id = case_informed.case_id;
alter table case_informed alter urgency set not null, alter received_at set not null,
    alter open set not null;
drop index ix_case_informed_station_id;
create index ix_case_informed_station on case_informed (station_id, received_at, case_id);
create index ix_case_informed_queue on case_informed
    (station_id, urgency desc, received_at, case_id) where open;

create function place_informed() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
begin
    select r.urgency, r.received_at, r.{IS_OPEN} into new.urgency, new.received_at, new.open
        from reports r where r.case_id = new.case_id;
    return new;
end $$;
create trigger case_informed_placed before insert on case_informed
    for each row execute function place_informed();

create function move_informed() returns trigger
language plpgsql security definer set search_path = public, pg_temp as $$
begin
    update case_informed set urgency = new.urgency, open = new.{IS_OPEN}
        where case_id = new.case_id;
    return null;
end $$;
create trigger reports_informed_moved after update of state, urgency on reports
    for each row when (
        old.urgency <> new.urgency or (old.{IS_OPEN}) <> (new.{IS_OPEN}))
    execute function move_informed();
"""

# Whether a station is informed of a case is asked case by case, and only of cases not its own. As
# an array that indexes can take it is a trap: a plan may look up each of thousands of cases.
MINE = "nullif(current_setting('tinbao.station', true), '')"
POLICY = f"""
drop policy cases_seen on reports;
create policy cases_seen on reports for select to tinbao_officer using (
    station_id = {MINE}
    or exists (select from case_informed i
               where i.case_id = reports.case_id and i.station_id = {MINE}));
"""
POLICY_BEFORE = f"""
drop policy cases_seen on reports;
create policy cases_seen on reports for select to tinbao_officer using (
    station_id = {MINE}
    or case_id = any(array(select i.case_id from case_informed i where i.station_id = {MINE})));
"""

TABLES = """
create table saved_views (
    id uuid not null,
    staff_id uuid not null,
    name text not null,
    filter jsonb not null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint pk_saved_views primary key (id),
    constraint fk_saved_views_staff_id foreign key (staff_id) references staff (id)
        on delete cascade
);
create index ix_saved_views_staff on saved_views (staff_id, created_at, id);

create table ward_outlines (
    edition_id integer not null,
    code text not null,
    bounds geometry(polygon, 3857) not null,
    level_4 geometry(geometry, 3857),
    level_6 geometry(geometry, 3857),
    level_8 geometry(geometry, 3857),
    level_10 geometry(geometry, 3857),
    level_12 geometry(geometry, 3857),
    level_14 geometry(geometry, 3857),
    constraint pk_ward_outlines primary key (edition_id, code),
    constraint fk_ward_outlines_edition_id foreign key (edition_id, code)
        references wards (edition_id, code) on delete cascade
);
alter table ward_outlines
    alter level_4 set storage external, alter level_6 set storage external,
    alter level_8 set storage external, alter level_10 set storage external,
    alter level_12 set storage external, alter level_14 set storage external;
create index ix_ward_outlines_bounds on ward_outlines using gist (bounds);
"""

MAP = f"""
create index ix_reports_map on reports (station_id, quad) include (case_id, urgency)
    where {IS_OPEN};
"""

GRANTS = """
grant select (folded, quad) on reports to tinbao_officer;
grant select, insert, update, delete on saved_views to tinbao_api;
grant select on ward_outlines to tinbao_api;
"""

BACK = """
drop table saved_views, ward_outlines;
drop trigger reports_informed_moved on reports;
drop trigger case_informed_placed on case_informed;
drop function move_informed();
drop function place_informed();
drop index ix_case_informed_queue, ix_case_informed_station;
alter table case_informed drop column urgency, drop column received_at, drop column open;
create index ix_case_informed_station_id on case_informed (station_id);
alter table reports drop column quad, drop column folded;
drop function web_quad(geometry);
"""


def upgrade() -> None:
    """Go forward."""
    for statements in (SEARCH, QUADS, MAP, INFORMED, POLICY, TABLES, GRANTS):
        op.execute(statements)


def downgrade() -> None:
    """Go back."""
    op.execute(POLICY_BEFORE)
    op.execute(BACK)
