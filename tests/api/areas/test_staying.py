"""What an activation does not move: closed, transferred, looked at again by its own station."""

from pathlib import Path

from sqlalchemy import Engine, text

from api.areas.activation import activate_edition
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
from tests.geo.squares import square, three_wards, ward


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
