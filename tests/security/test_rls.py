"""The second line: what an officer's database role can reach, whatever the queries say."""
# ruff: noqa: S608 - statements made of the tests' own names

import asyncio
import random
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import Engine, make_url, text
from sqlalchemy.exc import DBAPIError, ProgrammingError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from api.db import AS_OFFICER
from api.reports.tables import Report
from geo import quads
from geo.tables import Station
from tests.factories import make_officer, make_report, make_station
from tests.plans import crowded, indexes, nodes, plan_of, scans_a_table

CASES = "select case_id from reports"
SEERS = "select case_id, station_id from case_informed"
DENIED = "42501"


@pytest.fixture
def station(engine: Engine) -> Station:
    """The officer's station."""
    return make_station(engine)


@pytest.fixture
def neighbour(engine: Engine) -> Station:
    """Another station."""
    return make_station(engine)


@pytest.fixture
async def service(service_database_url: str, engine: Engine) -> AsyncIterator[AsyncEngine]:
    """Four connections as the API has them."""
    made = create_async_engine(
        make_url(service_database_url).set(database=engine.url.database),
        pool_size=4,
        max_overflow=0,
        connect_args={"options": "-c role=tinbao_api"},
    )
    yield made
    await made.dispose()


@asynccontextmanager
async def officer_of(service: AsyncEngine, station: str | None) -> AsyncIterator[AsyncConnection]:
    """A transaction with an officer's rights at a station."""
    async with service.connect() as connection, connection.begin():
        await connection.execute(AS_OFFICER, {"station": station})
        yield connection


async def seen_by(service: AsyncEngine, station: str | None) -> set[uuid.UUID]:
    async with officer_of(service, station) as connection:
        return set(await connection.scalars(text(CASES)))


async def refusal(service: AsyncEngine, station: str, statement: str, **given: Any) -> str | None:
    """The SQLSTATE with which an officer's statement is refused; None when it is not."""
    try:
        async with officer_of(service, station) as connection:
            await connection.execute(text(statement), given)
    except DBAPIError as error:
        return str(getattr(error.orig, "sqlstate", None))
    return None


async def test_an_officer_of_no_station_sees_nothing(
    service: AsyncEngine, engine: Engine, station: Station
) -> None:
    make_report(engine, station, informed=(station.id,))

    for nowhere in ("", None, "w-none"):
        async with officer_of(service, nowhere) as connection:
            for table in ("reports", "case_informed", "case_events", "registers"):
                query = text(f"select count(*) from {table}")
                assert await connection.scalar(query) == 0, table


async def test_a_role_without_the_setting_sees_nothing(
    service: AsyncEngine, engine: Engine, station: Station
) -> None:
    make_report(engine, station)

    async with service.connect() as connection, connection.begin():
        await connection.execute(text("set local role tinbao_officer"))
        assert (await connection.execute(text(CASES))).all() == []


async def test_an_officer_sees_the_own_and_the_informed_cases_only(
    service: AsyncEngine, engine: Engine, station: Station, neighbour: Station
) -> None:
    own = make_report(engine, station)
    told = make_report(engine, neighbour, informed=(station.id,))
    foreign = make_report(engine, neighbour)

    assert await seen_by(service, station.id) == {own.case_id, told.case_id}
    assert await seen_by(service, neighbour.id) == {told.case_id, foreign.case_id}
    async with officer_of(service, station.id) as connection:
        events = set(await connection.scalars(text("select case_id from case_events")))
        informed = (await connection.execute(text(SEERS))).all()
    assert events == {own.case_id, told.case_id}
    assert [tuple(row) for row in informed] == [(told.case_id, station.id)]


async def test_an_informed_or_foreign_case_cannot_be_changed(
    service: AsyncEngine, engine: Engine, station: Station, neighbour: Station
) -> None:
    told = make_report(engine, neighbour, informed=(station.id,))
    foreign = make_report(engine, neighbour)
    own = make_report(engine, station)
    step = text("update reports set version = version + 1 where case_id = :case returning case_id")

    async with officer_of(service, station.id) as connection:
        changed = [
            (await connection.execute(step, {"case": case.case_id})).all()
            for case in (told, foreign, own)
        ]

    assert [len(rows) for rows in changed] == [0, 0, 1]


async def test_colleagues_are_those_of_the_own_station(
    service: AsyncEngine, engine: Engine, station: Station, neighbour: Station
) -> None:
    for place in (station, neighbour):
        make_officer(engine, place)
    with engine.connect() as owner:
        mine = text("select id from staff where station_id = :station")
        own = set(owner.scalars(mine, {"station": station.id}))

    async with officer_of(service, station.id) as connection:
        seen = set(await connection.scalars(text("select id from colleagues")))
    async with officer_of(service, None) as connection:
        nobody = (await connection.execute(text("select id from colleagues"))).all()

    assert seen == own
    assert len(own) == 1
    assert nobody == []


async def test_history_and_register_of_others_cannot_be_written(
    service: AsyncEngine, engine: Engine, station: Station, neighbour: Station
) -> None:
    foreign = make_report(engine, neighbour)
    event = "insert into case_events (case_id, kind, actor_kind) values (:case, 'x', 'staff')"
    register = "insert into registers (station_id, year, last_number) values (:other, 2026, 1)"
    entry = (
        "insert into register_entries (station_id, year, number, case_id)"
        " values (:other, 2026, 1, :case)"
    )

    for statement in (event, register, entry):
        given = {"case": foreign.case_id, "other": neighbour.id}
        names = {name: value for name, value in given.items() if f":{name}" in statement}
        assert await refusal(service, station.id, statement, **names) == DENIED, statement


REPORTER_SIDE = (
    "id", "reporter_key", "body_sha256", "receipt_hash", "receipt_key_id", "receipt_signature",
    "acknowledgement_id", "first_routing",
)  # fmt: skip


@pytest.mark.parametrize("column", REPORTER_SIDE)
async def test_the_reporters_side_of_a_case_is_out_of_reach(
    service: AsyncEngine, engine: Engine, station: Station, column: str
) -> None:
    make_report(engine, station)

    for statement in (
        f"select {column} from reports",
        f"select case_id from reports where {column} is not null",
        f"select case_id from reports order by {column}",
        f"update reports set version = 1 returning {column}",
        f"update reports set {column} = {column}",
    ):
        assert await refusal(service, station.id, statement) == DENIED, statement
    assert await refusal(service, station.id, "select * from reports") == DENIED
    assert await refusal(service, station.id, "select r::text from reports r") == DENIED


def test_every_column_of_a_case_is_decided_on(engine: Engine) -> None:
    columns = {column.name for column in Report.__table__.columns}
    query = (
        "select column_name from information_schema.column_privileges where grantee ="
        " 'tinbao_officer' and table_name = 'reports' and privilege_type = 'SELECT'"
    )
    with engine.connect() as connection:
        granted = set(connection.scalars(text(query)))

    assert columns - granted == set(REPORTER_SIDE)


@pytest.mark.parametrize(
    "table",
    [
        "sealed_contacts", "sealing_keys", "push_tokens", "push_registrations", "acknowledgements",
        "deliveries", "inbox_bindings", "devices", "staff", "staff_sessions", "rate_limits",
        "installation", "audit_events", "memberships", "invitations", "exports", "staff_devices",
    ],
)  # fmt: skip
async def test_other_peoples_tables_are_out_of_reach(
    service: AsyncEngine, station: Station, table: str
) -> None:
    assert await refusal(service, station.id, f"select count(*) from {table}") == DENIED
    assert await refusal(service, station.id, f"delete from {table}") == DENIED


@pytest.mark.parametrize(
    "statement",
    [
        "update reports set station_id = 'vn'",
        "update reports set text = ''",
        "update reports set routing = '{}'",
        "update reports set last_station_id = null",
        "update reports set bounces = 0",
        "update reports set category = 'noise'",
        "update reports set location = null",
        "update colleagues set username = 'x'",
        "delete from reports",
        "insert into case_informed (case_id, station_id) values (gen_random_uuid(), 'vn')",
        "delete from case_informed",
        "update case_events set kind = 'x'",
        "delete from case_events",
        "update register_entries set number = 7",
        "delete from registers",
        "update categories set urgency = 1",
        "create table mine (a int)",
        "alter table reports disable row level security",
    ],
)
async def test_what_an_officer_must_not_do_is_refused(
    service: AsyncEngine, engine: Engine, station: Station, statement: str
) -> None:
    make_report(engine, station)

    assert await refusal(service, station.id, statement) == DENIED


@pytest.mark.parametrize("role", ["tinbao_api", "tinbao_worker", "tinbao_officer", None])
@pytest.mark.parametrize(
    "statement",
    [
        "update audit_events set action = 'x'",
        "delete from audit_events",
        "truncate audit_events",
    ],
)
def test_nobody_changes_the_audit_trail_not_even_its_owner(
    engine: Engine, role: str | None, statement: str
) -> None:
    with engine.begin() as owner:
        owner.execute(
            text(
                "insert into audit_events (actor_kind, action, object_kind, object_id)"
                " values ('system', 'test', 'test', 'test')"
            )
        )

    with engine.connect() as connection:
        if role is not None:
            connection.execute(text(f"set local role {role}"))
        with pytest.raises(ProgrammingError) as refused:
            connection.execute(text(statement))

    assert getattr(refused.value.orig, "sqlstate", None) == DENIED


async def test_no_transaction_ever_sees_anothers_station(
    service: AsyncEngine, engine: Engine
) -> None:
    stations = [make_station(engine) for _ in range(8)]
    own = {each.id: {make_report(engine, each).case_id for _ in range(2)} for each in stations}
    chance = random.Random(7)
    foreign: list[uuid.UUID] = []
    done: list[str] = []

    async def visit(station: str, fate: str) -> None:
        async with officer_of(service, station) as connection:
            foreign.extend(set(await connection.scalars(text(CASES))) - own[station])
            if fate == "error":
                await connection.execute(text("select 1 / 0"))
            elif fate == "raise":
                raise ValueError
            elif fate == "cancel":
                await connection.execute(text("select pg_sleep(30)"))
            foreign.extend(set(await connection.scalars(text(CASES))) - own[station])
        done.append(station)

    async def visit_perhaps_cancelled(station: str, fate: str) -> None:
        task = asyncio.create_task(visit(station, fate))
        if fate == "cancel":
            await asyncio.sleep(chance.random() * 0.05)
            task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    fates = chance.choices(["well", "error", "raise", "cancel"], weights=[12, 3, 3, 2], k=400)
    await asyncio.gather(
        *(visit_perhaps_cancelled(chance.choice(stations).id, fate) for fate in fates)
    )

    assert foreign == []
    assert len(done) == fates.count("well")
    async with service.connect() as connection:
        query = text("select current_user, current_setting('tinbao.station', true)")
        assert (await connection.execute(query)).one()[0] == "tinbao_api"


def test_the_policy_asks_nothing_more_of_the_own_cases(engine: Engine) -> None:
    with crowded(engine, stations=200, reports=20_000) as (connection, station):
        connection.execute(AS_OFFICER, {"station": station})
        plan = plan_of(
            connection,
            f"select case_id from reports where station_id = '{station}' and state = 'received'",
        )

    assert not scans_a_table(plan), plan
    assert {"ix_reports_queue", "ix_reports_station", "ix_reports_map"} & indexes(plan)
    asked = [node for node in nodes(plan) if node.get("Relation Name") == "case_informed"]
    assert asked
    assert sum(node["Actual Loops"] for node in asked) == 0
    assert plan["Actual Rows"] == 75


def test_places_are_looked_up_by_an_index_under_the_policy(engine: Engine) -> None:
    first, last = quads.of_tile(14, 13_010, 7_212)
    query = (
        "select case_id from reports where station_id = '{station}' and quad between {first} and"
        " {last} and state in ('received', 'acknowledged', 'in_progress', 'need_info')"
    )
    with crowded(engine, stations=3, reports=9_000) as (connection, station):
        connection.execute(
            text(
                "update reports set location = ST_SetSRID(ST_MakePoint(105.8 + random() / 5,"
                " 21 + random() / 5), 4326) where station_id like 'w-crowd-%'"
            )
        )
        connection.execute(text("analyze reports"))
        connection.execute(AS_OFFICER, {"station": station})
        plan = plan_of(connection, query.format(station=station, first=first, last=last))

    assert indexes(plan) >= {"ix_reports_map"}, plan
    assert not scans_a_table(plan), plan


async def test_of_a_group_officers_read_its_name_and_ward_only(
    service: AsyncEngine, station: Station
) -> None:
    assert await refusal(service, station.id, "select id, name, ward_code from groups") is None
    for column in ("created_by", "station_id", "leader_office", "disbanded_at"):
        assert await refusal(service, station.id, f"select {column} from groups") == DENIED
    assert await refusal(service, station.id, "update groups set name = 'x'") == DENIED


@pytest.mark.parametrize(
    "statement",
    [
        "update staff set username = 'x'",
        "update staff set id = gen_random_uuid()",
        "update staff set created_at = now()",
        "delete from staff",
        "truncate staff",
        "delete from memberships",
        "update memberships set member_key = ''",
        "update memberships set group_id = gen_random_uuid()",
        "delete from groups",
        "update groups set created_by = gen_random_uuid()",
        "delete from invitations",
        "update invitations set role = 'leader'",
        "update invitations set expires_at = 'infinity'",
        "update reports set group_id = null",
    ],
)
async def test_the_service_itself_may_not(service: AsyncEngine, statement: str) -> None:
    async with service.connect() as connection, connection.begin():
        with pytest.raises(DBAPIError) as refused:
            await connection.execute(text(statement))

    assert getattr(refused.value.orig, "sqlstate", None) == DENIED
