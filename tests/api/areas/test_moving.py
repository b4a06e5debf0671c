"""What activating an edition does to open reports: moved by a recorded act, none lost."""

import datetime as dt
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, text

from api.areas import reown
from api.areas.activation import activate_edition, plan_moves
from geo import editions
from geo.atlas import load_atlas
from geo.editions import Edition
from tests.api.areas.two_editions import (
    NOW,
    REGISTERED,
    SECOND,
    add_report,
    audit,
    case,
    events,
    inbox,
    make,
    redrawn,
)
from tests.factories import make_officer


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
