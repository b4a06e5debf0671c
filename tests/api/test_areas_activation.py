"""What activating an edition does to open reports: moved by a recorded act, none lost."""

import datetime as dt
import secrets
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from psycopg.types.json import Jsonb
from sqlalchemy import Connection, Engine, create_engine, text

from api.areas import reown
from api.areas.activation import activate_edition, plan_moves, reown_stragglers
from api.reports.routing import stored_routing
from geo import editions
from geo.atlas import Atlases, load_atlas
from geo.editions import Edition
from geo.load import import_edition
from geo.routing import Place, route
from tests.factories import make_officer
from tests.geo.squares import SIDE, SOUTH, WEST, square, three_wards, ward, write

HANOI = ZoneInfo("Asia/Ho_Chi_Minh")
NOW = dt.datetime(2026, 1, 1, 8, tzinfo=HANOI)
FIRST, SECOND = dt.date(2025, 7, 1), dt.date(2025, 12, 1)
REGISTERED = {"register_year": 2025, "register_number": 7}


def redrawn() -> list[dict[str, Any]]:
    """The three wards, the second grown over the right half of the first."""
    return [
        ward("00001", square(1, width=0.5)),
        ward("00002", square(1.5, width=1.5)),
        ward("00003", square(3)),
    ]


def make(engine: Engine, path: Path, day: dt.date, features: list[dict[str, Any]]) -> int:
    """Import an edition; its id."""
    file = write(path / "wards.geojson", features)
    report = import_edition(engine, file, effective_from=day)
    assert report.edition_id is not None
    return report.edition_id


def routed(
    engine: Engine, edition: int | None, *, lon: float, accuracy_m: float | None
) -> dict[str, Any]:
    """The decision of an edition about a place in the row of squares, as intake stores it."""
    atlas = None
    if edition is not None:
        with engine.connect() as connection:
            atlas = load_atlas(connection, edition)
    place = Place(lon, SOUTH + 0.5 * SIDE, accuracy_m, "pin")
    return stored_routing(atlas, route(atlas, place))


def add_report(engine: Engine, edition: int | None, column: float, **facts: Any) -> uuid.UUID:
    """A report in the middle of a row of squares, owned by the ward of that column; its case id."""
    case_id, code = uuid.uuid4(), f"0000{int(column)}"
    accuracy_m = facts.get("accuracy_m")
    row: dict[str, Any] = {
        "id": uuid.uuid4(),
        "case_id": case_id,
        "state": "received",
        "version": 1,
        "kind": "tip",
        "category": "theft",
        "text": "Mất xe đạp",
        "about_station": False,
        "language": "vi",
        "place_source": "pin",
        "accuracy_m": None,
        "lon": WEST + column * SIDE,
        "lat": SOUTH + 0.5 * SIDE,
        "received_at": NOW,
        "urgency": 1,
        "station_id": f"w-{code}",
        "edition_id": edition,
        "ward_code": code,
        "province_code": "01",
        "confidence": "certain",
        "routing": routed(engine, edition, lon=WEST + column * SIDE, accuracy_m=accuracy_m),
        "flags": [],
        "register_year": None,
        "register_number": None,
        "reporter_kind": "device",
        "reporter_key": secrets.token_bytes(32),
        "body_sha256": b"",
        "receipt_hash": secrets.token_bytes(32),
        "receipt_key_id": "k",
        "receipt_signature": b"",
        "acknowledgement_id": uuid.uuid4(),
    } | facts
    row["routing"] = Jsonb(row["routing"])
    columns = [name for name in row if name not in {"lon", "lat"}]
    with engine.begin() as connection:
        connection.exec_driver_sql(
            f"insert into reports ({', '.join(columns)}, location)"  # noqa: S608
            f" values ({', '.join(f'%({name})s' for name in columns)},"
            " ST_SetSRID(ST_MakePoint(%(lon)s, %(lat)s), 4326))",
            row,
        )
    return case_id


def case(engine: Engine, case_id: uuid.UUID) -> Any:
    """The report's row, with who is informed."""
    with engine.connect() as connection:
        return connection.execute(
            text("""
                select *, array(select station_id from case_informed i
                                 where i.case_id = r.case_id order by 1) as informed
                  from reports r where case_id = :id
            """),
            {"id": case_id},
        ).one()


def events(engine: Engine, case_id: uuid.UUID) -> list[Any]:
    """The case's history."""
    with engine.connect() as connection:
        query = text("select kind, actor_kind, data from case_events where case_id = :id")
        return list(connection.execute(query, {"id": case_id}))


def inbox(engine: Engine, case_id: uuid.UUID) -> list[Any]:
    """What the case's reporter was told."""
    with engine.connect() as connection:
        query = text("""
            select kind, data, recipient from acknowledgements
             where subject = (select id from reports where case_id = :id)
        """)
        return list(connection.execute(query, {"id": case_id}))


def audit(engine: Engine, action: str, object_id: object) -> int:
    """How many audit events there are of an act on an object."""
    with engine.connect() as connection:
        query = text("select from audit_events where action = :action and object_id = :id")
        return connection.execute(query, {"action": action, "id": str(object_id)}).rowcount


@pytest.fixture
def first(unmapped: Engine, tmp_path: Path) -> int:
    """The edition in force: three wards."""
    edition = make(unmapped, tmp_path, FIRST, three_wards())
    activate_edition(unmapped, edition, NOW)
    return edition


@pytest.fixture
def worker(unmapped: Engine) -> Iterator[Engine]:
    """An engine with the worker's role and no more."""
    made = create_engine(unmapped.url, connect_args={"options": "-c role=tinbao_worker"})
    yield made
    made.dispose()


def test_reports_whose_ward_changes_move_and_the_others_follow(
    unmapped: Engine, tmp_path: Path, first: int
) -> None:
    moving = add_report(unmapped, first, 1.75, state="in_progress", version=4, **REGISTERED)
    staying = add_report(unmapped, first, 1.25, state="acknowledged", version=2, **REGISTERED)
    second = make(unmapped, tmp_path, SECOND, redrawn())

    done = activate_edition(unmapped, second, NOW)

    assert done.holds
    assert done.open_reports == 2
    assert done.moves == {("w-00001", "w-00002"): 1}
    moved, stayed = case(unmapped, moving), case(unmapped, staying)
    assert (moved.station_id, moved.ward_code, moved.edition_id) == ("w-00002", "00002", second)
    assert (moved.state, moved.version) == ("received", 5)
    assert (moved.register_year, moved.register_number) == (None, None)
    assert moved.routing["station"]["id"] == "w-00002"
    assert moved.first_routing["station"]["id"] == "w-00001"
    assert (stayed.station_id, stayed.edition_id) == ("w-00001", second)
    assert (stayed.state, stayed.version, stayed.register_number) == ("acknowledged", 2, 7)
    assert stayed.first_routing is None


def test_what_moves_has_a_clock_at_its_new_station(
    unmapped: Engine, tmp_path: Path, first: int
) -> None:
    moving = add_report(unmapped, first, 1.75, urgency=2)
    staying = add_report(unmapped, first, 1.25, urgency=2)
    second = make(unmapped, tmp_path, SECOND, redrawn())

    activate_edition(unmapped, second, NOW)

    assert case(unmapped, moving).due_at == NOW + dt.timedelta(hours=4)
    assert case(unmapped, staying).due_at is None  # as it was added


def test_nobody_at_the_station_before_holds_what_moved(
    unmapped: Engine, tmp_path: Path, first: int
) -> None:
    make_officer(unmapped, "w-00001")
    with unmapped.connect() as connection:
        staff = connection.scalar(text("select id from staff where station_id = 'w-00001'"))
    held = {
        "assignee_id": staff,
        "claimed_by": staff,
        "claimed_until": NOW,
        "last_station_id": "w-00003",
        "bounces": 2,
    }
    moving = add_report(unmapped, first, 1.75, **held)
    staying = add_report(unmapped, first, 1.25, **held)

    activate_edition(unmapped, make(unmapped, tmp_path, SECOND, redrawn()), NOW)

    moved, stayed = case(unmapped, moving), case(unmapped, staying)
    assert [getattr(moved, name) for name in held] == [None, None, None, None, 0]
    assert [getattr(stayed, name) for name in held] == list(held.values())


def test_a_move_is_in_the_history_the_audit_trail_and_the_inbox(
    unmapped: Engine, tmp_path: Path, first: int
) -> None:
    moving = add_report(unmapped, first, 1.75)
    staying = add_report(unmapped, first, 1.25)
    second = make(unmapped, tmp_path, SECOND, redrawn())

    activate_edition(unmapped, second, NOW)

    assert [tuple(event) for event in events(unmapped, moving)] == [
        (
            "report.rerouted",
            "system",
            {"from": "w-00001", "to": "w-00002", "edition_id": second},
        )
    ]
    (message,) = inbox(unmapped, moving)
    assert (message.kind, message.data) == (
        "report.rerouted",
        {"station": "Công an phường 00002"},
    )
    assert message.recipient == case(unmapped, moving).reporter_key
    assert audit(unmapped, "report.rerouted", moving) == 1
    assert audit(unmapped, "edition.activated", second) == 1
    assert events(unmapped, staying) == []
    assert inbox(unmapped, staying) == []


def test_closed_reports_stay_as_they_are(unmapped: Engine, tmp_path: Path, first: int) -> None:
    closed = [
        add_report(unmapped, first, 1.75, state=state)
        for state in ("resolved", "not_actionable", "duplicate", "withdrawn")
    ]
    before = [case(unmapped, each) for each in closed]

    activate_edition(unmapped, make(unmapped, tmp_path, SECOND, redrawn()), NOW)

    assert [case(unmapped, each) for each in closed] == before


def test_what_a_person_transferred_stays_there(
    unmapped: Engine, tmp_path: Path, first: int
) -> None:
    routing = {"rule": "transferred", "station": {"id": "w-00003"}, "flags": []}
    transferred = add_report(unmapped, first, 1.75, station_id="w-00003", routing=routing)
    with unmapped.begin() as connection:
        connection.execute(
            text("insert into case_informed values (:case, 'w-00001')"), {"case": transferred}
        )
    second = make(unmapped, tmp_path, SECOND, redrawn())

    activate_edition(unmapped, second, NOW)

    found = case(unmapped, transferred)
    assert (found.station_id, found.edition_id, found.version) == ("w-00003", second, 1)
    assert (found.ward_code, found.routing) == ("00001", routing)
    assert found.informed == ["w-00001"]
    assert events(unmapped, transferred) == []


def test_what_its_own_station_must_look_at_again_is_a_new_version(
    unmapped: Engine, tmp_path: Path, first: int
) -> None:
    near = add_report(
        unmapped,
        first,
        1.48,
        accuracy_m=150.0,
        state="in_progress",
        version=4,
        flags=["unknown-category"],
        **REGISTERED,
    )
    before = case(unmapped, near)
    second = make(unmapped, tmp_path, SECOND, redrawn())

    done = activate_edition(unmapped, second, NOW)

    found = case(unmapped, near)
    assert done.moves.total() == 0
    assert (found.station_id, found.state, found.register_number) == ("w-00001", "in_progress", 7)
    assert (found.version, found.edition_id) == (5, second)
    assert found.informed == found.routing["informed"] == ["w-00002"]
    assert found.confidence == found.routing["confidence"] != before.confidence
    assert [each["ward_code"] for each in found.routing["candidates"]] == ["00001", "00002"]
    assert found.first_routing == before.routing
    assert found.flags == found.routing["flags"] == ["unknown-category"]
    assert [tuple(event) for event in events(unmapped, near)] == [
        (
            "report.reassessed",
            "system",
            {"ward_code": "00001", "confidence": found.confidence, "edition_id": second},
        )
    ]
    assert audit(unmapped, "report.reassessed", near) == 1
    assert inbox(unmapped, near) == []


def test_a_ward_under_a_new_name_is_looked_at_again(
    unmapped: Engine, tmp_path: Path, first: int
) -> None:
    staying = add_report(unmapped, first, 1.25)
    renamed = [ward("00001", square(1), name="Phường Tên Mới"), *three_wards()[1:]]

    activate_edition(unmapped, make(unmapped, tmp_path, SECOND, renamed), NOW)

    assert case(unmapped, staying).version == 2
    assert case(unmapped, staying).routing["ward"]["name"] == "Phường Tên Mới"


def test_a_report_that_looks_the_same_only_follows_to_the_edition(
    unmapped: Engine, tmp_path: Path, first: int
) -> None:
    same = add_report(unmapped, first, 1.25)
    before = case(unmapped, same)
    second = make(unmapped, tmp_path, SECOND, redrawn())

    activate_edition(unmapped, second, NOW)

    assert case(unmapped, same)._asdict() == {**before._asdict(), "edition_id": second}
    assert events(unmapped, same) == []


def test_complaints_about_the_police_never_come_back_to_the_ward(
    unmapped: Engine, tmp_path: Path, first: int
) -> None:
    facts = {"station_id": "o-01", "accuracy_m": 150.0}
    complaints = [
        add_report(unmapped, first, 1.5, kind="complaint_about_police", **facts),
        add_report(unmapped, first, 1.5, category="officer_conduct", **facts),
        add_report(unmapped, first, 1.5, about_station=True, **facts),
    ]

    activate_edition(unmapped, make(unmapped, tmp_path, SECOND, redrawn()), NOW)

    for complaint in complaints:
        assert case(unmapped, complaint).station_id == "o-01"
        assert case(unmapped, complaint).informed == []


def test_flags_about_other_things_than_the_place_are_kept(
    unmapped: Engine, tmp_path: Path, first: int
) -> None:
    flagged = add_report(unmapped, first, 1.75, flags=["unknown-category", "gap"])

    activate_edition(unmapped, make(unmapped, tmp_path, SECOND, redrawn()), NOW)

    assert case(unmapped, flagged).flags == ["unknown-category"]
    assert case(unmapped, flagged).routing["flags"] == ["unknown-category"]


def test_the_plan_is_what_the_activation_does_and_changes_nothing(
    unmapped: Engine, tmp_path: Path, first: int
) -> None:
    cases = [add_report(unmapped, first, 1 + i / 10) for i in range(1, 10)]
    before = [case(unmapped, each) for each in cases]
    second = make(unmapped, tmp_path, SECOND, redrawn())

    with unmapped.connect() as connection:
        plan = plan_moves(connection, second)

    assert plan.total() in {4, 5}
    assert [case(unmapped, each) for each in cases] == before
    assert activate_edition(unmapped, second, NOW).moves == plan


def test_many_reports_are_moved_in_batches(unmapped: Engine, tmp_path: Path, first: int) -> None:
    for _ in range(7):
        add_report(unmapped, first, 1.75)
    second = make(unmapped, tmp_path, SECOND, redrawn())

    with unmapped.begin() as connection:
        editions.activate(connection, second, NOW)
        atlas = load_atlas(connection, second)
        moves = reown.reown_open_reports(connection, atlas, NOW, batch=3)

    assert moves == {("w-00001", "w-00002"): 7}


def test_an_activation_that_would_lose_a_report_is_undone(
    unmapped: Engine, tmp_path: Path, first: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    moving = add_report(unmapped, first, 1.75)
    second = make(unmapped, tmp_path, SECOND, redrawn())
    monkeypatch.setattr(reown, "SETTLE", reown.SETTLE + " and false")

    with pytest.raises(reown.CountsDifferError):
        activate_edition(unmapped, second, NOW)

    assert case(unmapped, moving).station_id == "w-00001"
    with unmapped.connect() as connection:
        holding = editions.in_force(connection, NOW)
    assert holding is not None
    assert holding.id == first


@pytest.mark.parametrize("day", [SECOND, dt.date(2026, 4, 30)])
def test_the_index_of_an_edition_is_there_before_it_is_activated(
    unmapped: Engine, tmp_path: Path, first: int, day: dt.date, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other processes only open it, at once or at its midnight."""
    second = make(unmapped, tmp_path, day, redrawn())
    folder = tmp_path / "index"
    activated = editions.activate

    def activate_late(connection: Connection, edition_id: int, now: dt.datetime) -> Edition:
        assert len(list(folder.glob(f"edition-{edition_id}-*.index"))) == 1
        return activated(connection, edition_id, now)

    monkeypatch.setattr(editions, "activate", activate_late)

    assert activate_edition(unmapped, second, NOW, folder).edition.id == second


def test_a_future_edition_moves_nothing_until_its_midnight(
    unmapped: Engine, tmp_path: Path, first: int, worker: Engine
) -> None:
    moving = add_report(unmapped, first, 1.75)
    future = make(unmapped, tmp_path, dt.date(2026, 4, 30), redrawn())
    midnight = dt.datetime(2026, 4, 30, tzinfo=HANOI)
    moment = midnight - dt.timedelta(seconds=1)

    done = activate_edition(unmapped, future, NOW)

    assert not done.holds
    assert done.moves.total() == 0
    clock = [moment]
    atlases = Atlases(worker, lambda: clock[0])
    atlases.refresh()
    assert reown_stragglers(worker, atlases, moment) == 0
    assert case(unmapped, moving).station_id == "w-00001"

    clock[0] = midnight
    atlases.refresh()
    assert reown_stragglers(worker, atlases, midnight) == 1
    assert case(unmapped, moving).station_id == "w-00002"
    assert len(inbox(unmapped, moving)) == 1
    assert reown_stragglers(worker, atlases, midnight) == 0


def test_reports_accepted_by_the_edition_before_are_swept_up(
    unmapped: Engine, tmp_path: Path, first: int, worker: Engine
) -> None:
    second = make(unmapped, tmp_path, SECOND, redrawn())
    activate_edition(unmapped, second, NOW)
    late = add_report(unmapped, first, 1.75)
    unmapped_report = add_report(unmapped, None, 2.5, station_id="vn", ward_code=None)
    atlases = Atlases(worker, lambda: NOW)
    atlases.refresh()

    assert reown_stragglers(worker, atlases, NOW) == 2

    assert case(unmapped, late).station_id == "w-00002"
    assert case(unmapped, unmapped_report).station_id == "w-00002"


def test_a_report_that_somebody_is_changing_is_left_for_the_next_round(
    unmapped: Engine, tmp_path: Path, first: int, worker: Engine
) -> None:
    activate_edition(unmapped, make(unmapped, tmp_path, SECOND, redrawn()), NOW)
    late = add_report(unmapped, first, 1.75)
    atlases = Atlases(worker, lambda: NOW)
    atlases.refresh()

    with unmapped.begin() as officer:
        officer.execute(text("select from reports for update"))
        assert reown_stragglers(worker, atlases, NOW) == 0

    assert reown_stragglers(worker, atlases, NOW) == 1
    assert case(unmapped, late).station_id == "w-00002"


def test_a_worker_with_yesterdays_atlas_moves_nothing_back(
    unmapped: Engine, tmp_path: Path, first: int, worker: Engine
) -> None:
    atlases = Atlases(worker, lambda: NOW)
    atlases.refresh()
    moved = add_report(unmapped, first, 1.75)
    activate_edition(unmapped, make(unmapped, tmp_path, SECOND, redrawn()), NOW)

    assert reown_stragglers(worker, atlases, NOW) == 0

    assert case(unmapped, moved).station_id == "w-00002"


def test_names_follow_at_the_midnight_too(
    unmapped: Engine, tmp_path: Path, first: int, worker: Engine
) -> None:
    add_report(unmapped, first, 1.25)
    renamed = [ward(f"0000{i}", square(i), name=f"Xã Số {i}") for i in (1, 2, 3)]
    future = make(unmapped, tmp_path, dt.date(2026, 4, 30), renamed)
    activate_edition(unmapped, future, NOW)
    midnight = dt.datetime(2026, 4, 30, tzinfo=HANOI)
    atlases = Atlases(worker, lambda: midnight)
    atlases.refresh()

    reown_stragglers(worker, atlases, midnight)

    with unmapped.connect() as connection:
        name = connection.scalar(text("select name from stations where id = 'w-00001'"))
    assert name == "Công an xã Số 1"
