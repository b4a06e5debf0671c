"""An edition read back from the database, and the keeper that has the right one at any moment."""

import datetime as dt
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from geo import editions
from geo.atlas import Atlas, Atlases, edition_in_force, load_atlas
from geo.editions import HANOI, EditionNotFoundError
from geo.load import import_edition
from geo.routing import Place, route
from tests.geo.maps import at, atlas_of, difficult
from tests.geo.squares import square, ward, write

SUMMER, SPRING, NEW_YEAR = dt.date(2025, 7, 1), dt.date(2026, 4, 30), dt.date(2027, 1, 1)
SECOND = dt.timedelta(seconds=1)


def midnight(day: dt.date) -> dt.datetime:
    """When a day begins in Hà Nội."""
    return dt.datetime.combine(day, dt.time(), HANOI)


NOON = midnight(SPRING) + dt.timedelta(days=60, hours=12)


class Clock:
    """A clock that a test sets."""

    def __init__(self, now: dt.datetime) -> None:
        self.now = now

    def __call__(self) -> dt.datetime:
        return self.now


@pytest.fixture
def imported(unmapped: Engine, tmp_path: Path) -> Callable[..., int]:
    """Import wards given as code and shape, effective from a day; the edition's id."""

    def make(day: dt.date, shapes: dict[str, Any], *, activated: bool = True) -> int:
        features = [ward(code, shape) for code, shape in shapes.items()]
        file = write(tmp_path / "wards.geojson", features)
        report = import_edition(unmapped, file, effective_from=day, accept_overlaps=True)
        assert report.edition_id is not None
        if activated:
            activate(unmapped, report.edition_id)
        return report.edition_id

    return make


def activate(engine: Engine, edition_id: int) -> None:
    """Activate an edition in a transaction of its own."""
    with engine.begin() as connection:
        editions.activate(connection, edition_id, NOON)


def run(engine: Engine, statement: str) -> None:
    """Run a statement and commit it."""
    with engine.begin() as connection:
        connection.execute(text(statement))


def ids(*atlases: Atlas | None) -> list[int | None]:
    """The editions of atlases."""
    return [None if atlas is None else atlas.edition_id for atlas in atlases]


def test_an_edition_is_read_as_it_was_imported(
    unmapped: Engine, imported: Callable[..., int]
) -> None:
    shapes = {"01002": square(0), "01001": square(0.5), **ring_of_eight_at(5)}
    edition_id = imported(SUMMER, shapes)

    with unmapped.connect() as connection:
        atlas = load_atlas(connection, edition_id)

    assert atlas.codes == tuple(sorted(shapes)) == tuple(atlas.wards)
    assert (atlas.edition_id, atlas.effective_from) == (edition_id, SUMMER)
    assert not atlas.approximate
    assert atlas.wards["01001"].name == "Phường 01001"
    assert atlas.wards["01001"].area_m2 == pytest.approx(2079 * 2214, rel=0.01)
    assert atlas.provinces == {"01": "Thành phố Hà Nội"}
    assert atlas.stations["w-01001"].name == "Công an phường 01001"
    assert atlas.jurisdictions["01001"] == "w-01001"
    # The overlap and the gap that the import found.
    assert dict(atlas.index.shares(*at(0.75, 0.5), 100)) == {0: 1.0}
    assert atlas.index.in_gap(*at(6.5, 1.5))


def ring_of_eight_at(column: float) -> dict[str, Any]:
    """Eight squares round a gap, so many squares east."""
    return {
        f"0109{i}": square(column + dx, dy)
        for i, (dx, dy) in enumerate((x, y) for y in range(3) for x in range(3) if (x, y) != (1, 1))
    }


def test_an_edition_that_is_absent_or_still_loading_cannot_be_read(unmapped: Engine) -> None:
    run(
        unmapped,
        """insert into boundary_editions (effective_from, state, source, imported_at, report)
           values ('2025-07-01', 'loading', 'half a file', now(), '{}')""",
    )
    with unmapped.connect() as connection:
        loading = connection.execute(text("select id from boundary_editions")).scalar_one()

        for absent in (loading, loading + 1):
            with pytest.raises(EditionNotFoundError):
                load_atlas(connection, absent)


def test_an_edition_can_be_read_before_it_is_activated(
    unmapped: Engine, imported: Callable[..., int]
) -> None:
    edition_id = imported(SUMMER, {"01001": square(0)}, activated=False)

    with unmapped.connect() as connection:
        assert load_atlas(connection, edition_id).codes == ("01001",)
        assert edition_in_force(connection, NOON) is None


def test_successions_and_aliases_are_read(unmapped: Engine, imported: Callable[..., int]) -> None:
    edition_id = imported(SUMMER, {"01001": square(0), "01002": square(1)})
    run(unmapped, "insert into ward_aliases values ('01999', '01001')")
    run(
        unmapped,
        """insert into ward_successions (old_code, new_code, old_name, relation) values
           ('00001', '01001', 'a', 'part'), ('00001', '01002', 'a', 'part_main'),
           ('00002', '01999', 'b', 'whole'), ('00003', '01001', 'c', 'part')""",
    )

    with unmapped.connect() as connection:
        atlas = load_atlas(connection, edition_id)

    def ward_of(code: str) -> tuple[str, bool] | None:
        found = atlas.resolve(code)
        return found and (found[0].code, found[1])

    assert ward_of("01001") == ("01001", False)
    assert ward_of("01999") == ("01001", False)
    assert ward_of("00001") == ("01002", True)
    assert ward_of("00002") == ("01001", True)
    assert ward_of("00003") is None


GAPPED = atlas_of(
    {**difficult(), **{f"03{code[2:]}": shape for code, shape in ring_of_eight_at(9).items()}}
    | {"03100": square(12.02, 0, height=3), "03101": square(12, 3, width=2)}
    | {"03102": square(12, -1, width=2)},
    gaps=[square(10, 1), square(12, 0, width=0.02, height=3)],
)


@given(
    st.lists(
        st.builds(at, st.floats(-1, 14) | st.floats(11.99, 12.03), st.floats(-1, 6)),
        min_size=1,
        max_size=30,
    )
)
def test_many_points_get_the_wards_that_reports_there_would(
    points: list[tuple[float, float]],
) -> None:
    lons, lats = np.array(points).T

    found = GAPPED.wards_at(lons, lats)

    assert found == [route(GAPPED, Place(*point, None, "gps")).ward_code for point in points]


def test_before_any_edition_there_is_no_atlas(unmapped: Engine) -> None:
    atlases = Atlases(unmapped, Clock(NOON))
    assert atlases.current(NOON) is None
    assert atlases.refreshed_at is None

    atlases.refresh()

    assert ids(atlases.current(NOON), atlases.at(NOON)) == [None, None]
    assert atlases.refreshed_at == NOON


def test_an_activated_edition_holds_after_the_next_refresh(
    unmapped: Engine, imported: Callable[..., int]
) -> None:
    atlases = Atlases(unmapped, Clock(NOON))
    first = imported(SUMMER, {"01001": square(0)})
    second = imported(SPRING, {"01002": square(0)}, activated=False)
    assert atlases.refresh()
    assert ids(atlases.current(NOON)) == [first]

    activate(unmapped, second)
    assert ids(atlases.current(NOON)) == [first]
    assert atlases.refresh()

    assert ids(atlases.current(NOON)) == [second]
    assert ids(atlases.at(midnight(SPRING) - SECOND)) == [first]


def test_of_two_editions_with_one_date_the_one_activated_last_holds(
    unmapped: Engine, imported: Callable[..., int]
) -> None:
    atlases = Atlases(unmapped, Clock(NOON))
    imported_first = imported(SUMMER, {"01001": square(0)}, activated=False)
    imported(SUMMER, {"01002": square(0)})
    activate(unmapped, imported_first)

    atlases.refresh()

    assert ids(atlases.current(NOON)) == [imported_first]


def test_a_future_edition_begins_exactly_at_its_midnight(
    unmapped: Engine, imported: Callable[..., int]
) -> None:
    clock = Clock(midnight(NEW_YEAR) - dt.timedelta(minutes=3))
    atlases = Atlases(unmapped, clock)
    present = imported(SUMMER, {"01001": square(0)})
    future = imported(NEW_YEAR, {"01002": square(0)})

    atlases.refresh()

    eve, turn = midnight(NEW_YEAR) - dt.timedelta(microseconds=1), midnight(NEW_YEAR)
    assert ids(atlases.current(clock.now), atlases.current(eve)) == [present, present]
    assert ids(atlases.current(turn)) == [future]
    clock.now = turn + SECOND
    atlases.refresh()
    assert ids(atlases.current(eve), atlases.current(turn)) == [present, future]


def test_an_edition_that_begins_before_it_could_be_read_holds_from_the_refresh_on(
    unmapped: Engine, imported: Callable[..., int]
) -> None:
    clock = Clock(midnight(NEW_YEAR) - dt.timedelta(hours=1))
    atlases = Atlases(unmapped, clock)
    present = imported(SUMMER, {"01001": square(0)})
    future = imported(NEW_YEAR, {"01002": square(0)})
    atlases.refresh()

    clock.now = midnight(NEW_YEAR) + SECOND
    assert ids(atlases.current(clock.now)) == [present]
    atlases.refresh()

    assert ids(atlases.current(clock.now)) == [future]


def test_a_renamed_station_is_seen_without_reading_the_wards_again(
    unmapped: Engine, imported: Callable[..., int]
) -> None:
    imported(SUMMER, {"01001": square(0)})
    atlases = Atlases(unmapped, Clock(NOON))
    atlases.refresh()
    before = atlases.current(NOON)
    assert not atlases.refresh()

    run(unmapped, "update stations set phone = '0241234567' where id = 'w-01001'")
    assert atlases.refresh()

    after = atlases.current(NOON)
    assert before is not None
    assert after is not None
    assert after.stations["w-01001"].phone == "0241234567"
    assert before.stations["w-01001"].phone is None
    assert after.index is before.index


@pytest.mark.parametrize(
    "change",
    [
        "delete from jurisdictions where ward_code = '01001'",
        "update jurisdictions set station_id = 'p-01' where ward_code = '01001'",
        "insert into ward_aliases values ('x', '01001')",
        "insert into ward_successions values ('x', '01001', 'x', 'whole')",
        "update provinces set name = 'Hà Nội'",
    ],
)
def test_every_change_of_the_directory_is_noticed(
    unmapped: Engine, imported: Callable[..., int], change: str
) -> None:
    imported(SUMMER, {"01001": square(0)})
    atlases = Atlases(unmapped, Clock(NOON))
    atlases.refresh()

    run(unmapped, change)

    assert atlases.refresh()
    assert not atlases.refresh()


def test_past_editions_are_read_when_asked_for_and_only_two_are_kept(
    unmapped: Engine, imported: Callable[..., int]
) -> None:
    days = [SUMMER + dt.timedelta(days=30 * n) for n in range(5)]
    made = [imported(day, {"01001": square(n)}) for n, day in enumerate(days)]
    atlases = Atlases(unmapped, Clock(NOON))

    found = [atlases.at(midnight(day)) for day in days]

    assert ids(*found) == made
    assert ids(atlases.at(midnight(SUMMER) - SECOND)) == [None]
    again = [atlases.at(midnight(day)) for day in days[2:4]]
    assert [atlas and atlas.index for atlas in again] == [
        atlas and atlas.index for atlas in found[2:4]
    ]
    first_again = atlases.at(midnight(days[0]))
    assert first_again is not None
    assert found[0] is not None
    assert first_again.index is not found[0].index


def test_readers_never_wait_for_a_refresh(unmapped: Engine, imported: Callable[..., int]) -> None:
    imported(SUMMER, {"01001": square(0)})
    atlases = Atlases(unmapped, Clock(NOON))
    atlases.refresh()

    with unmapped.begin() as connection:
        connection.execute(text("lock table boundary_editions in access exclusive mode"))
        refreshing = threading.Thread(target=atlases.refresh)
        refreshing.start()
        time.sleep(0.2)
        assert refreshing.is_alive()
        assert atlases.current(NOON) is not None
    refreshing.join(10)
    assert not refreshing.is_alive()
