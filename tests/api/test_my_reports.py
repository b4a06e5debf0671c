"""A reporter's own reports: page by page, those bound by a receipt too, and by which index."""

import datetime as dt
import uuid
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, text

from api.accounts.identity import DEVICE_PREFIX, ReaderIdentity, new_token, receipt_token
from api.accounts.tables import Device
from api.clock import now
from api.db import API_ROLE
from api.local.client import uuid7
from api.reports.queries import Position, report_statement, reports_statement
from api.reports.tables import State
from api.secrets import Keys, token_hash
from geo.tables import Station
from tests.factories import NOON, caller, keep, make_report, make_station
from tests.plans import crowded, indexes, literally, nodes, plan_of, scans_a_table

KEY = b"k" * 32


class Phone:
    """A device: its token, and reports made by it."""

    def __init__(self, engine: Engine, keys: Keys, station: Station) -> None:
        self.engine, self.keys, self.station = engine, keys, station
        self.token, device = new_token(DEVICE_PREFIX), uuid.uuid4()
        keep(engine, Device(id=device, token_hash=token_hash(self.token)))
        self.key = keys.reporter_key(f"device:{device}")

    def report(self, **facts: Any) -> uuid.UUID:
        """A report; its reporter's id."""
        made: dict[str, Any] = {
            "id": self.keys.store_id(report_id := uuid7()),
            "reporter_key": self.key,
            "routing": ROUTING,
        }
        make_report(self.engine, self.station, **made | facts)
        return report_id

    def bind(self, report_id: uuid.UUID) -> None:
        """Adopt a report by its receipt."""
        subject = self.keys.store_id(report_id)
        with self.engine.begin() as owner:
            owner.execute(
                text("insert into inbox_bindings (recipient, subject) values (:key, :subject)"),
                {"key": self.key, "subject": subject},
            )


ROUTING: dict[str, Any] = {
    "station": {"id": "w", "name": "Công an", "phone": None, "kind": "ward"},
    "ward": None,
    "edition": None,
    "confidence": "certain",
    "candidates": [],
}


@pytest.fixture
def station(engine: Engine) -> Station:
    """Who answers for the reports."""
    return make_station(engine)


@pytest.fixture
def phone(engine: Engine, keys: Keys, station: Station) -> Phone:
    """Somebody's phone."""
    return Phone(engine, keys, station)


def minutes(number: int) -> dt.datetime:
    return NOON + dt.timedelta(minutes=number)


async def test_pages_hold_own_and_bound_reports_once_newest_first(
    app: FastAPI, engine: Engine, keys: Keys, station: Station, phone: Phone
) -> None:
    other = Phone(engine, keys, station)
    made = []
    for number in range(9):
        whose = phone if number % 3 else other
        made.append(whose.report(received_at=minutes(number // 2)))
        if whose is other or number == 4:
            phone.bind(made[-1])
    other.report()
    link, found, sizes = "/v1/my/reports?limit=4", [], []

    async with caller(app, phone.token) as client:
        while link:
            answer = await client.get(link)
            found += [item["id"] for item in answer.json()["items"]]
            sizes.append(len(answer.json()["items"]))
            link = answer.headers.get("link", "").partition(">")[0].removeprefix("<")

    order = sorted(
        range(9), key=lambda n: (minutes(n // 2), keys.store_id(made[n]).bytes), reverse=True
    )
    assert sizes == [4, 4, 1]
    assert found == [str(made[n]) for n in order]


async def test_a_cursor_that_is_no_report_of_mine_is_a_422(
    app: FastAPI, engine: Engine, keys: Keys, station: Station, phone: Phone
) -> None:
    foreign = Phone(engine, keys, station).report()

    async with caller(app, phone.token) as client:
        answers = [
            await client.get(f"/v1/my/reports?cursor={cursor}")
            for cursor in (foreign, uuid7(), uuid.UUID(int=0), "x")
        ]

    assert {answer.status_code for answer in answers} == {422}
    assert {answer.json()["errors"][0]["pointer"] for answer in answers} == {"/query/cursor"}
    assert answers[0].json()["errors"] == answers[1].json()["errors"]


async def test_a_receipt_reads_its_one_report(app: FastAPI, keys: Keys, phone: Phone) -> None:
    mine = phone.report()
    phone.report()
    token, _ = receipt_token(keys, keys.store_id(mine), now().timestamp())

    async with caller(app, token) as holder:
        items = (await holder.get("/v1/my/reports")).json()["items"]

    assert [item["id"] for item in items] == [str(mine)]


@pytest.mark.parametrize("path", ["/v1/my/reports", "/v1/my/reports/{id}"])
async def test_what_was_seen_is_not_sent_again_until_it_changes(
    app: FastAPI, engine: Engine, keys: Keys, phone: Phone, path: str
) -> None:
    mine = phone.report()
    url = path.format(id=mine)

    async with caller(app, phone.token) as client:
        first = await client.get(url)
        seen = {"If-None-Match": f'"x", W/{first.headers["etag"]}'}
        again = await client.get(url, headers=seen)
        with engine.begin() as owner:
            owner.execute(
                text("update reports set state = :state where id = :id"),
                {"state": State.RESOLVED, "id": keys.store_id(mine)},
            )
        changed = await client.get(url, headers=seen)

    assert (first.status_code, again.status_code, changed.status_code) == (200, 304, 200)
    assert again.content == b""
    assert again.headers["etag"] == first.headers["etag"] != changed.headers["etag"]


def test_my_reports_are_served_by_indexes(engine: Engine) -> None:
    own = "update reports set reporter_kind = 'device', reporter_key = :key where id in"
    some = "(select id from reports where station_id like 'w-crowd-%' order by id limit 300)"
    bound = (
        "insert into inbox_bindings (recipient, subject) select :key, id from reports"
        " where station_id like 'w-crowd-%' and reporter_key is null"
        " order by md5(id::text) limit 30"
    )
    reader = ReaderIdentity(KEY, None)

    with crowded(engine, stations=200, reports=20_000) as (connection, _):
        connection.execute(text(own + some), {"key": KEY})
        connection.execute(text(bound), {"key": KEY})
        connection.execute(text("analyze reports, inbox_bindings"))
        middle = "select received_at, id from reports where reporter_key = :key order by 1 limit 1"
        last = Position(*connection.execute(text(middle + " offset 150"), {"key": KEY}).one())
        connection.execute(text(f"set local role {API_ROLE}"))
        for statement, rows in (
            (reports_statement(reader, after=None, limit=20), 20),
            (reports_statement(reader, after=last, limit=20), 20),
            (reports_statement(ReaderIdentity(None, last.stored_id), after=None, limit=20), 1),
            (report_statement(reader, last.stored_id), 1),
        ):
            plan = plan_of(connection, literally(connection, statement))

            assert not scans_a_table(plan), plan
            assert plan["Actual Rows"] == rows, plan
            read = [node for node in nodes(plan) if node.get("Relation Name") == "reports"]
            assert all(node["Actual Rows"] <= 30 for node in read), plan
            assert "pk_reports" in indexes(plan)
            if rows == 20:
                assert "ix_reports_reporter" in indexes(plan)
