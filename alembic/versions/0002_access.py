"""Who may read and write what: roles, grants, row-level security, the append-only audit."""

from collections.abc import Sequence

from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

ROLES = ("tinbao_api", "tinbao_officer", "tinbao_worker")

BOUNDARIES = (
    "provinces, boundary_editions, wards, boundary_gaps, ward_aliases, ward_successions,"
    " stations, jurisdictions"
)

# Everything of a case that its officers may see; the reporter's side of the row is left out.
CASE_COLUMNS = (
    "case_id, state, version, kind, category, category_word, text, about_station, language,"
    " location, accuracy_m, place_source, place_note, claimed_ward_code, claimed_province_code,"
    " cell_r9, observed_at, received_at, urgency, station_id, edition_id, ward_code, province_code,"
    " confidence, routing, flags, group_id, register_year, register_number, reporter_kind"
)

GRANTS = f"""
grant select on {BOUNDARIES}, categories to tinbao_api, tinbao_officer, tinbao_worker;

grant select on alembic_version to tinbao_api;
grant select, insert on installation to tinbao_api;
grant select on sealing_keys, worker_heartbeats, case_events to tinbao_api;
grant select, insert on reports, acknowledgements, inbox_bindings, deliveries to tinbao_api;
grant update (fetched_at, shown_at) on acknowledgements to tinbao_api;
grant update (state, settled_at, lease) on deliveries to tinbao_api;
grant insert on case_informed, case_events, audit_events, sealed_contacts to tinbao_api;
grant select (case_id), delete on sealed_contacts to tinbao_api;
grant select, insert, update, delete on devices, staff_sessions, rate_limits to tinbao_api;
grant select, insert, update, delete on push_tokens, push_registrations to tinbao_api;
grant select, update (totp_last_step, recovery_hashes) on staff to tinbao_api;

grant select ({CASE_COLUMNS}) on reports to tinbao_officer;
grant update (state, version, register_year, register_number) on reports to tinbao_officer;
grant select on case_informed to tinbao_officer;
grant select, insert on case_events, register_entries to tinbao_officer;
grant select, insert, update on registers to tinbao_officer;
grant insert on audit_events to tinbao_officer;

grant select, update on reports to tinbao_worker;
grant update (name) on provinces, stations to tinbao_worker;
grant select, insert, delete on case_informed to tinbao_worker;
grant insert on case_events, audit_events to tinbao_worker;
grant select, insert, update on acknowledgements, deliveries to tinbao_worker;
grant select, update, delete on push_tokens, push_registrations to tinbao_worker;
grant select on inbox_bindings to tinbao_worker;
grant select, insert, update, delete on worker_heartbeats to tinbao_worker;
grant select, delete on rate_limits, staff_sessions to tinbao_worker;
"""

# A stable expression: the planner looks at its value, so a desk with many cases gets another plan
# than a ward with few; and the array is one value too, so the indexes serve the policy even where
# a query forgets its own filter. A connection that names no station sees no row.
MINE = "nullif(current_setting('tinbao.station', true), '')"

POLICIES = f"""
alter table reports enable row level security;
create policy reports_api on reports to tinbao_api using (true) with check (true);
create policy reports_worker on reports to tinbao_worker using (true) with check (true);
create policy cases_seen on reports for select to tinbao_officer using (
    station_id = {MINE}
    or case_id = any(array(select i.case_id from case_informed i where i.station_id = {MINE})));
create policy cases_owned on reports for update to tinbao_officer using (station_id = {MINE});

alter table case_informed enable row level security;
create policy informed_api on case_informed to tinbao_api with check (true);
create policy informed_worker on case_informed to tinbao_worker using (true) with check (true);
create policy informed_own on case_informed to tinbao_officer using (station_id = {MINE});

alter table case_events enable row level security;
create policy events_api on case_events to tinbao_api using (true) with check (true);
create policy events_worker on case_events to tinbao_worker using (true) with check (true);
create policy events_seen on case_events to tinbao_officer
    using (exists (select from reports r where r.case_id = case_events.case_id));

alter table registers enable row level security;
create policy registers_own on registers to tinbao_officer using (station_id = {MINE});
alter table register_entries enable row level security;
create policy register_entries_own on register_entries to tinbao_officer
    using (station_id = {MINE});
"""

APPEND_ONLY = """
create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'audit_events is append-only' using errcode = 'insufficient_privilege';
end $$;
create trigger audit_events_append_only before update or delete or truncate on audit_events
    for each statement execute function refuse_change();
"""

# Counts one hit on each counter, or on none, and answers how long to wait (null: not at all).
# A hit costs its charge of time, and a counter holds at most its burst. The counters are locked
# first, in one order; each later statement then sees what others committed meanwhile.
RATE_LIMITS = """
create function lock_rate_limits(counters bytea[]) returns void language sql as $$
    insert into rate_limits (key, tat)
    select distinct counter, '-infinity'::timestamptz from unnest(counters) as counter
    order by counter
    on conflict (key) do update set tat = rate_limits.tat
$$;

create function charge_rate_limits(counters bytea[], charges interval[], bursts interval[])
returns interval language plpgsql as $$
declare
    moment timestamptz := clock_timestamp();
    wait interval;
begin
    select max(greatest(tat, moment) + charge - burst - moment) into wait
    from unnest(counters, charges, bursts) as asked (key, charge, burst)
    join rate_limits using (key);
    if wait > interval '0' then
        return wait;
    end if;
    update rate_limits set tat = greatest(tat, moment) + charge
    from unnest(counters, charges) as asked (key, charge) where rate_limits.key = asked.key;
    return null;
end $$;

create function hit_rate_limits(
    firsts int[], lasts int[], counters bytea[], charges interval[], bursts interval[])
returns setof interval language plpgsql as $$
begin
    perform lock_rate_limits(counters);
    for n in 1 .. cardinality(firsts) loop
        return next charge_rate_limits(
            counters[firsts[n] : lasts[n]], charges[firsts[n] : lasts[n]], bursts[firsts[n] : lasts[n]]);
    end loop;
end $$;
"""

DROP_RATE_LIMITS = """
drop function hit_rate_limits(int[], int[], bytea[], interval[], interval[]);
drop function charge_rate_limits(bytea[], interval[], interval[]);
drop function lock_rate_limits(bytea[]);
"""


def upgrade() -> None:
    """Go forward. Roles belong to the whole cluster, so another database may have made them."""
    for role in ROLES:
        op.execute(
            f"""do $$ begin create role {role} nologin;
            exception when duplicate_object or unique_violation then null; end $$"""
        )
        op.execute(f"grant {role} to current_user")
    op.execute(GRANTS)
    op.execute(POLICIES)
    op.execute(APPEND_ONLY)
    op.execute(RATE_LIMITS)


def downgrade() -> None:
    """Go back. The roles stay: other databases of the cluster may use them."""
    op.execute("drop trigger audit_events_append_only on audit_events")
    op.execute("drop function refuse_change()")
    op.execute(DROP_RATE_LIMITS)
    op.execute(f"drop owned by {', '.join(ROLES)}")
    for table in ("reports", "case_informed", "case_events", "registers", "register_entries"):
        op.execute(f"alter table {table} disable row level security")
