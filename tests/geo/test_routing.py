"""Place -> station, rule by rule."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.atlas import Atlas
from geo.routing import Candidate, Confidence, Place, Routing, route
from tests.geo.maps import at, atlas_of, difficult, directory_of, grid, ring_of_eight
from tests.geo.squares import SIDE, square

TWO_PROVINCES = atlas_of({**grid(2, 2), "02000": square(5, 0), "02001": square(6, 0)})
"""Hà Nội's 01000 to 01003, a strait three squares wide, and 02000, 02001."""

WITH_GAP = atlas_of(ring_of_eight(), gaps=[square(1, 1)])
NARROW_GAP = atlas_of(
    {"01001": square(0), "01002": square(1.02), "01003": square(0, 1, width=3)}
    | {"01004": square(0, -1, width=3)},
    gaps=[square(1, width=0.02)],
)
"""Between 01001 and 01002 some 41 m belong to nobody."""

anywhere = st.builds(at, st.floats(-2, 9), st.floats(-2, 8))
accuracies = st.none() | st.floats(0.1, 20_000)


def gps(column: float, row: float, accuracy_m: float | None = None) -> Place:
    """A fix so many squares east and north of the first corner."""
    lon, lat = at(column, row)
    return Place(lon, lat, accuracy_m, "gps")


def nowhere(**named: Any) -> Place:
    """A place without coordinates."""
    return Place(None, None, None, "unknown", **named)


def test_a_point_well_inside_a_ward_goes_to_its_station() -> None:
    routing = route(TWO_PROVINCES, gps(0.5, 0.5))

    assert routing == Routing(
        owner_station_id="w-01000",
        ward_code="01000",
        province_code="01",
        confidence=Confidence.CERTAIN,
        rule="contains",
        candidates=(Candidate("01000", 1.0),),
        informed=(),
        flags=(),
        distance_to_border_m=None,
        edition_id=7,
    )


@pytest.mark.parametrize(("metres", "confidence"), [(29, "likely"), (31, "certain")])
def test_without_an_accuracy_thirty_metres_from_the_border_are_certain(
    metres: float, confidence: str
) -> None:
    routing = route(TWO_PROVINCES, gps(0.5, metres / (SIDE * 110_700)))

    assert routing.confidence == confidence
    assert routing.distance_to_border_m == pytest.approx(metres, abs=0.1)
    assert routing.candidates == (Candidate("01000", 1.0),)


def test_a_point_on_a_common_border_goes_to_the_lowest_code() -> None:
    routing = route(TWO_PROVINCES, gps(1, 1))

    assert (routing.ward_code, routing.confidence) == ("01000", "likely")
    assert (routing.distance_to_border_m, routing.flags) == (0, ("border",))


def test_a_point_in_an_overlap_goes_to_the_lowest_code_and_says_so() -> None:
    atlas = atlas_of({"01002": square(0), "01001": square(0.5)})

    routing = route(atlas, gps(0.75, 0.5))

    assert (routing.ward_code, routing.rule, routing.flags) == ("01001", "contains", ("overlap",))


@pytest.mark.parametrize(
    ("into_the_next", "confidence", "informed"),
    [
        (0.04, "certain", ()),
        (0.10, "likely", ()),
        (0.25, "likely", ("w-01001",)),
        (0.35, "uncertain", ("w-01001",)),
    ],
)
def test_with_an_accuracy_the_share_of_the_disc_says_how_sure(
    into_the_next: float, confidence: str, informed: tuple[str, ...]
) -> None:
    routing = route(TWO_PROVINCES, disc_with_share(into_the_next))

    assert routing.owner_station_id == "w-01000"
    assert routing.confidence == confidence
    assert routing.informed == informed
    assert routing.candidates[0].share == pytest.approx(1 - into_the_next, abs=0.001)
    assert len(routing.candidates) == (2 if into_the_next >= 0.05 else 1)


def disc_with_share(share: float) -> Place:
    """A disc of 100 m in 01000, so much of which lies beyond its eastern border."""
    low, high = 0.9, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        parts = TWO_PROVINCES.index.shares(*at(middle, 0.5), 100)
        low, high = (low, middle) if dict(parts).get(1, 0) > share else (middle, high)
    return gps(low, 0.5, 100)


def test_the_largest_share_owns_even_when_another_ward_holds_the_centre() -> None:
    # A strip 44 m wide, in the middle of it a fix that is good to 200 m.
    atlas = atlas_of(
        {"01001": square(0), "01002": square(1, height=0.02), "01003": square(1, 0.02)}
        | {"01004": square(1, -1)}
    )

    routing = route(atlas, gps(1.5, 0.015, 200))

    assert (routing.ward_code, routing.rule, routing.confidence) == (
        "01003",
        "largest-share",
        "uncertain",
    )
    assert routing.informed == ("w-01004",)
    assert [candidate.ward_code for candidate in routing.candidates] == ["01003", "01004", "01002"]


def test_equal_shares_go_to_the_lowest_code() -> None:
    for column, row in [(1, 0.5), (0.5, 1), (1, 1)]:
        assert route(TWO_PROVINCES, gps(column, row, 50)).ward_code == "01000"


def test_an_owner_is_found_when_no_ward_has_a_twentieth_of_the_disc() -> None:
    routing = route(atlas_of({"01001": square(0)}), gps(0.5, 0.5, 100_000))

    assert (routing.owner_station_id, routing.confidence) == ("w-01001", "uncertain")
    assert routing.candidates == ()


def test_an_approximate_edition_is_never_certain() -> None:
    atlas = atlas_of(grid(2, 2), approximate=True)

    assert route(atlas, gps(0.5, 0.5)).confidence == "likely"
    assert route(atlas, gps(0.5, 0.5, 10)).confidence == "likely"


def test_a_point_in_a_gap_goes_to_the_nearest_ward() -> None:
    routing = route(NARROW_GAP, gps(1.005, 0.5))

    assert (routing.ward_code, routing.rule, routing.confidence) == ("01001", "gap", "uncertain")
    assert routing.flags == ("gap",)
    assert routing.candidates == (Candidate("01001", 1.0),)
    assert routing.distance_to_border_m == pytest.approx(10.4, abs=0.1)
    assert route(NARROW_GAP, gps(1.015, 0.5)).ward_code == "01002"
    assert route(NARROW_GAP, gps(1.01, 0.5)).ward_code == "01001"


def test_in_a_gap_the_disc_names_the_others() -> None:
    routing = route(NARROW_GAP, gps(1.005, 0.5, 100))

    assert routing.ward_code == "01001"
    assert routing.informed == ("w-01002",)
    assert {candidate.ward_code for candidate in routing.candidates} == {"01001", "01002"}


def test_the_middle_of_a_wide_gap_is_outside() -> None:
    routing = route(WITH_GAP, gps(1.5, 1.5))

    assert (routing.ward_code, routing.confidence) == (None, "outside")
    assert routing.owner_station_id == "p-01"


def test_the_sea_goes_to_the_desk_of_the_nearest_province() -> None:
    routing = route(TWO_PROVINCES, gps(4, 0.5))

    assert routing.owner_station_id == "p-02"
    assert (routing.ward_code, routing.province_code) == (None, "02")
    assert (routing.confidence, routing.rule) == ("outside", "outside-near-province")
    assert (routing.candidates, routing.informed) == ((), ())
    assert routing.distance_to_border_m is None


def test_far_from_every_ward_the_national_desk_owns() -> None:
    routing = route(TWO_PROVINCES, Place(114.0, 10.0, 25, "gps"))

    assert (routing.owner_station_id, routing.rule) == ("vn", "outside-national")
    assert (routing.ward_code, routing.province_code) == (None, None)
    assert routing.confidence == "outside"


def test_outside_the_nearest_station_is_informed_when_the_disc_reaches_its_ward() -> None:
    routing = route(TWO_PROVINCES, gps(2.02, 0.5, 200))

    assert routing.owner_station_id == "p-01"
    assert routing.ward_code is None
    assert [candidate.ward_code for candidate in routing.candidates] == ["01001"]
    assert routing.informed == ("w-01001",)
    assert routing.distance_to_border_m == pytest.approx(41.5, abs=0.5)


def test_outside_a_ward_hardly_touched_by_the_disc_is_not_informed() -> None:
    routing = route(TWO_PROVINCES, gps(2.08, 0.5, 180))

    assert (routing.candidates, routing.informed) == ((), ())


def test_a_named_ward_stands_in_for_a_point() -> None:
    routing = route(TWO_PROVINCES, nowhere(ward_code="01002", province_code="02"))

    assert (routing.owner_station_id, routing.ward_code) == ("w-01002", "01002")
    assert (routing.confidence, routing.rule) == ("uncertain", "by-ward-code")
    assert (routing.candidates, routing.flags) == ((), ())


def test_an_unknown_source_counts_more_than_its_coordinates() -> None:
    lon, lat = at(0.5, 0.5)

    routing = route(TWO_PROVINCES, Place(lon, lat, 10, "unknown", ward_code="02000"))

    assert routing.ward_code == "02000"


def test_an_address_without_coordinates_goes_by_its_ward() -> None:
    assert route(TWO_PROVINCES, Place(None, None, None, "address", "02000")).ward_code == "02000"


def test_an_alias_and_a_former_code_still_find_the_ward() -> None:
    codes = grid(2, 2)
    directory = directory_of(
        codes,
        aliases={"01999": "01001", "01001": "01999"},
        successions={"00500": "00600", "00600": "01999", "00700": "00700"},
    )
    atlas = atlas_of(codes, directory=directory)

    alias = route(atlas, nowhere(ward_code="01999"))
    assert (alias.ward_code, alias.flags) == ("01001", ())
    former = route(atlas, nowhere(ward_code="00500"))
    assert (former.ward_code, former.flags) == ("01001", ("ward-code-succeeded",))
    assert former.confidence == "uncertain"
    assert route(atlas, nowhere(ward_code="00700")).rule == "nowhere"


def test_unknown_codes_fall_through_to_the_next_rule() -> None:
    place = nowhere(ward_code="99999", province_code="02")
    assert route(TWO_PROVINCES, place).owner_station_id == "p-02"
    assert route(TWO_PROVINCES, place).flags == ("unknown-ward-code",)

    place = nowhere(ward_code="99999", province_code="77")
    flags = ("unknown-ward-code", "unknown-province-code")
    for_group = route(TWO_PROVINCES, place, group_ward="01003")
    assert (for_group.owner_station_id, for_group.rule) == ("w-01003", "by-group")
    assert (for_group.confidence, for_group.flags) == ("unknown", flags)
    nothing = route(TWO_PROVINCES, place, group_ward="88888")
    assert (nothing.owner_station_id, nothing.rule, nothing.flags) == ("vn", "nowhere", flags)


def test_a_named_province_goes_to_its_desk() -> None:
    routing = route(TWO_PROVINCES, nowhere(province_code="02"), group_ward="01000")

    assert (routing.owner_station_id, routing.rule) == ("p-02", "by-province")
    assert (routing.confidence, routing.province_code) == ("unknown", "02")


def test_before_the_first_edition_everything_goes_to_the_national_desk() -> None:
    for oversight in (False, True):
        routing = route(None, gps(0.5, 0.5, 10), oversight=oversight)

        assert (routing.owner_station_id, routing.confidence) == ("vn", "unknown")
        assert (routing.rule, routing.edition_id) == ("before-first-edition", None)


@pytest.mark.parametrize(
    ("place", "owner"),
    [
        (gps(0.99, 0.5, 200), "o-01"),
        (gps(4, 0.5), "o-02"),
        (Place(114.0, 10.0, None, "gps"), "vn"),
        (nowhere(ward_code="02001"), "o-02"),
        (nowhere(province_code="02"), "o-02"),
        (nowhere(), "vn"),
    ],
)
def test_a_complaint_about_the_police_goes_over_their_heads(place: Place, owner: str) -> None:
    plain, over = route(TWO_PROVINCES, place), route(TWO_PROVINCES, place, oversight=True)

    assert (over.owner_station_id, over.informed) == (owner, ())
    assert (over.ward_code, over.candidates) == (plain.ward_code, plain.candidates)
    assert (over.confidence, over.rule) == (plain.confidence, plain.rule)


def test_a_ward_without_a_station_goes_to_its_provinces_desk() -> None:
    shapes = {"01001": square(0), "02001": square(1), "03001": square(2)}
    partial = directory_of(["01001", "02001"], jurisdictions={"01001": "w-01001"})
    atlas = atlas_of(shapes, directory=partial)

    assert route(atlas, gps(1.5, 0.5)).owner_station_id == "p-02"
    assert route(atlas, gps(1.5, 0.5)).flags == ("station-missing",)
    assert route(atlas, gps(2.5, 0.5)).owner_station_id == "vn"


def test_a_station_that_answers_for_two_wards_is_not_informed_of_its_own_case() -> None:
    shapes = {"01001": square(0), "01002": square(1)}
    both = directory_of(shapes, jurisdictions={"01001": "w-01001", "01002": "w-01001"})

    routing = route(atlas_of(shapes, directory=both), gps(0.999, 0.5, 100))

    assert len(routing.candidates) == 2
    assert routing.informed == ()


def judge(atlas: Atlas, point: tuple[float, float], accuracy_m: float | None) -> Routing:
    """What happens to a fix."""
    return route(atlas, Place(*point, accuracy_m, "gps"))


DIFFICULT = atlas_of(difficult())
DIFFICULT_REVERSED = atlas_of(dict(reversed(difficult().items())))


@given(anywhere, accuracies)
def test_the_order_of_the_wards_in_the_file_does_not_matter(
    point: tuple[float, float], accuracy_m: float | None
) -> None:
    routing = judge(DIFFICULT, point, accuracy_m)

    assert routing == judge(DIFFICULT, point, accuracy_m)
    assert routing == judge(DIFFICULT_REVERSED, point, accuracy_m)


@given(anywhere, accuracies)
def test_every_routing_keeps_its_promises(
    point: tuple[float, float], accuracy_m: float | None
) -> None:
    routing = judge(DIFFICULT, point, accuracy_m)
    shares = [candidate.share for candidate in routing.candidates]

    assert routing.owner_station_id in DIFFICULT.stations
    assert routing.owner_station_id not in routing.informed
    assert shares == sorted(shares, reverse=True)
    assert all(0.05 <= share <= 1 for share in shares)
    assert sum(shares) <= 1.0005
    assert (routing.ward_code is None) == (routing.confidence == "outside")
    if routing.confidence == "certain" and accuracy_m is not None:
        assert shares[0] >= 0.95
    if accuracy_m is None:
        assert routing.informed == ()
