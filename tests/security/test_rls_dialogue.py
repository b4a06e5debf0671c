"""The second line for dialogue, outcomes and templates: what each database role can reach."""
# ruff: noqa: S608 - statements made of the tests' own names

import datetime as dt
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from api.db import AS_OFFICER
from api.reports.tables import Report
from api.templates.tables import ResponseTemplate
from api.triage.tables import CaseMessage, CaseOutcome, Feedback
from geo.tables import Station
from tests.factories import NOON, keep, make_officer, make_report, make_station

DENIED = "42501"
OF_CASES = ("case_messages", "case_outcomes", "case_feedback")


@pytest.fixture
def station(engine: Engine) -> Station:
    """The officer's station."""
    return make_station(engine)


@pytest.fixture
def neighbour(engine: Engine) -> Station:
    """Another station."""
    return make_station(engine)


def worked_on(engine: Engine, station: Station, *informed: str) -> Report:
    """A case with a message, an outcome and feedback."""
    make_officer(engine, station)
    with engine.connect() as owner:
        staff = owner.scalar(
            text("select id from staff where station_id = :id limit 1"), {"id": station.id}
        )
    case = make_report(engine, station, informed=informed, state="resolved", closed_at=NOON)
    keep(
        engine,
        CaseMessage(
            case_id=case.case_id, number=1, id=uuid.uuid4(), side="reporter", text="x", at=NOON
        ),
        CaseOutcome(
            case_id=case.case_id, at=NOON, state="resolved", reason_code="warned", note="kín",
            public_text="x", station_id=station.id, staff_id=staff,
        ),
        Feedback(case_id=case.case_id, closed_at=NOON, satisfied=True, at=NOON),
    )  # fmt: skip
    return case


@contextmanager
def as_officer(engine: Engine, station: Station) -> Iterator[Connection]:
    """A transaction with an officer's rights, which leaves nothing."""
    with engine.connect() as connection, connection.begin() as transaction:
        connection.execute(AS_OFFICER, {"station": station.id})
        yield connection
        transaction.rollback()


def refusal(connection: Connection, statement: str) -> str | None:
    """The SQLSTATE with which a statement is refused; None when it is not."""
    try:
        with connection.begin_nested():
            connection.execute(text(statement))
    except DBAPIError as error:
        return str(getattr(error.orig, "sqlstate", None))
    return None


@pytest.mark.parametrize("table", OF_CASES)
def test_an_officer_reads_what_was_said_about_visible_cases_only(
    engine: Engine, station: Station, neighbour: Station, table: str
) -> None:
    own = worked_on(engine, station)
    told = worked_on(engine, neighbour, station.id)
    worked_on(engine, neighbour)

    with as_officer(engine, station) as officer:
        seen = set(officer.scalars(text(f"select case_id from {table}")))

    assert seen == {own.case_id, told.case_id}


def test_nobody_speaks_in_a_case_of_another_station(
    engine: Engine, station: Station, neighbour: Station
) -> None:
    told, foreign = worked_on(engine, neighbour, station.id), worked_on(engine, neighbour)

    with as_officer(engine, station) as officer:
        for case in (told, foreign):
            say = (
                "insert into case_messages (case_id, number, id, side, text, at)"
                f" values ('{case.case_id}', 9, gen_random_uuid(), 'reporter', 'x', now())"
            )
            assert refusal(officer, say) == DENIED


@pytest.mark.parametrize("role", ["tinbao_officer", "tinbao_api", "tinbao_worker"])
def test_what_was_said_and_how_it_ended_stays(engine: Engine, station: Station, role: str) -> None:
    worked_on(engine, station)

    with engine.connect() as connection, connection.begin():
        connection.execute(AS_OFFICER, {"station": station.id})
        connection.execute(text(f"set local role {role}"))
        for statement in (
            "update case_messages set text = ''",
            "delete from case_messages",
            "update case_outcomes set note = ''",
            "delete from case_outcomes",
            "delete from case_feedback",
            "update outcome_reasons set needs_chief = false",
        ):
            assert refusal(connection, statement) == DENIED, statement


def test_an_officer_writes_no_opinion_of_a_reporter(engine: Engine, station: Station) -> None:
    worked_on(engine, station)

    with as_officer(engine, station) as officer:
        assert refusal(officer, "update case_feedback set satisfied = true") == DENIED
        assert refusal(officer, "insert into case_feedback select * from case_feedback") == DENIED


def test_the_service_reads_no_internal_note(engine: Engine, station: Station) -> None:
    worked_on(engine, station)

    with engine.connect() as connection, connection.begin():
        connection.execute(text("set local role tinbao_api"))
        assert refusal(connection, "select public_text from case_outcomes") is None
        for statement in (
            "select note from case_outcomes",
            "select * from case_outcomes",
            "select id from case_outcomes where note like 'k%'",
            "select c::text from case_outcomes c",
            "select staff_id from case_outcomes",
        ):
            assert refusal(connection, statement) == DENIED, statement


def template(engine: Engine, station_id: str | None) -> uuid.UUID:
    """A template of a station, or of everybody."""
    made = ResponseTemplate(
        id=uuid.uuid4(), station_id=station_id, step="message", language="vi", title="x", text="x",
        changed_at=dt.datetime.now(dt.UTC),
    )  # fmt: skip
    return keep(engine, made).id


def test_a_station_writes_its_own_templates_and_the_service_everybodys(
    engine: Engine, station: Station, neighbour: Station
) -> None:
    own, foreign = template(engine, station.id), template(engine, neighbour.id)
    common = template(engine, None)
    seen = text("select id from response_templates where id = any(:ids)")
    change = text("update response_templates set title = 'y' where id = any(:ids) returning id")
    ids = {"ids": [own, foreign, common]}

    with as_officer(engine, station) as officer:
        assert set(officer.scalars(seen, ids)) == {own, common}
        assert set(officer.scalars(change, ids)) == {own}
        hand_over = f"update response_templates set station_id = null where id = '{own}'"
        assert refusal(officer, hand_over) == DENIED
    with engine.connect() as service, service.begin() as transaction:
        service.execute(text("set local role tinbao_api"))
        assert set(service.scalars(seen, ids)) == {common}
        assert set(service.scalars(change, ids)) == {common}
        transaction.rollback()
