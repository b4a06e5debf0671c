"""What the worker moves after an activation: at an edition's midnight, and what came too late."""

import datetime as dt
from pathlib import Path

from sqlalchemy import Engine, text

from api.areas.activation import activate_edition, reown_stragglers
from geo.atlas import Atlases
from tests.api.areas.two_editions import HANOI, NOW, SECOND, add_report, case, inbox, make, redrawn
from tests.geo.squares import square, ward


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
