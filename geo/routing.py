"""Place -> the station that answers for it. Pure: the same atlas and place, the same answer."""

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from geo.atlas import Atlas
from geo.stored import WardInfo
from geo.tables import NATIONAL_DESK_ID

CANDIDATE_SHARE = 0.05
INFORMED_SHARE = 0.20
LIKELY_SHARE = 0.70
CERTAIN_SHARE = 0.95
"""Parts of the uncertainty disc from which a ward is named, its station informed, and the owner
called likely or certain."""

CERTAIN_DISTANCE_M = 30.0
"""Without an accuracy: how far the border must be for the ward to be certain."""

NEAREST_PROVINCE_M = 22_000.0
"""A place outside every ward goes to the nearest province's desk up to this far (12 miles)."""

BORDER_REACH_M = 500.0
"""Distances to the border are told up to here."""

ON_BORDER_M = 0.001
"""Several wards cover a point on their common border, and one in an overlap: this tells which."""

EPSILON = 1e-9
"""Shares closer than this are equal."""

UNKNOWN_SOURCE = "unknown"


class Confidence(StrEnum):
    """How sure it is that the owner answers for the place."""

    CERTAIN = "certain"
    LIKELY = "likely"
    UNCERTAIN = "uncertain"
    OUTSIDE = "outside"
    UNKNOWN = "unknown"


class Place(NamedTuple):
    """Where something is: degrees, EPSG:4326, and a radius in metres, as far as they are known."""

    lon: float | None
    lat: float | None
    accuracy_m: float | None
    source: str
    ward_code: str | None = None
    province_code: str | None = None


class Candidate(NamedTuple):
    """A ward and its part of the uncertainty disc, to four digits."""

    ward_code: str
    share: float


class Routing(NamedTuple):
    """Who owns a case, and why."""

    owner_station_id: str
    ward_code: str | None
    province_code: str | None
    confidence: Confidence
    rule: str
    """Which rule decided; stable, for machines."""
    candidates: tuple[Candidate, ...] = ()
    informed: tuple[str, ...] = ()
    """Ids of stations that see the case besides the owner."""
    flags: tuple[str, ...] = ()
    distance_to_border_m: float | None = None
    """To the border of the ward that covers the place, or is nearest to it; None beyond 500 m."""
    edition_id: int | None = None


def route(
    atlas: Atlas | None,
    place: Place,
    *,
    group_ward: str | None = None,
    oversight: bool = False,
) -> Routing:
    """The station that answers for `place`, never none.

    `group_ward` is the ward of the group that reports, used when the place says nothing. With
    `oversight` the case goes to the office over the police of wherever it would have gone to, and
    no other station hears of it. Without an atlas (before the first edition) the national desk
    owns.
    """
    if atlas is None:
        return _to_national_desk(None, "before-first-edition")
    if place.source == UNKNOWN_SOURCE or place.lon is None or place.lat is None:
        routing = _by_code(atlas, place, group_ward)
    else:
        routing = _by_point(atlas, place.lon, place.lat, place.accuracy_m)
    return _to_oversight(atlas, routing) if oversight else routing


def _by_point(atlas: Atlas, lon: float, lat: float, accuracy_m: float | None) -> Routing:
    covering = atlas.index.covering(lon, lat)
    shares = [] if accuracy_m is None else atlas.index.shares(lon, lat, accuracy_m, covering)
    if covering:
        return _inside(atlas, covering, shares, lon, lat)
    if near := atlas.gap_ward(lon, lat):
        return _in_gap(atlas, near, shares, located=accuracy_m is not None)
    return _outside(atlas, shares, lon, lat)


def _inside(
    atlas: Atlas,
    covering: list[int],
    shares: list[tuple[int, float]],
    lon: float,
    lat: float,
) -> Routing:
    """A ward covers the point: it is owner, or the ward with most of the disc is."""
    containing = covering[0]
    border_m = atlas.index.distance_to_border_m(containing, lon, lat, BORDER_REACH_M)
    if shares:
        owner, share = _largest(shares)
        confidence = _by_share(share)
        rule = "contains" if owner == containing else "largest-share"
    else:
        owner, shares, rule = containing, [(containing, 1.0)], "contains"
        near = border_m is not None and border_m < CERTAIN_DISTANCE_M
        confidence = Confidence.LIKELY if near else Confidence.CERTAIN
    if atlas.approximate and confidence is Confidence.CERTAIN:
        confidence = Confidence.LIKELY
    on_border = border_m is not None and border_m < ON_BORDER_M
    flags = [] if len(covering) == 1 else ["border" if on_border else "overlap"]
    return _owned_by_ward(
        atlas, atlas.ward_in(owner), confidence, rule, shares, flags, distance_to_border_m=border_m
    )


def _in_gap(
    atlas: Atlas, near: tuple[int, float], shares: list[tuple[int, float]], *, located: bool
) -> Routing:
    """Between wards that should touch: the nearest of them owns."""
    nearest, metres = near
    return _owned_by_ward(
        atlas,
        atlas.ward_in(nearest),
        Confidence.UNCERTAIN,
        "gap",
        shares if located else [(nearest, 1.0)],
        ["gap"],
        distance_to_border_m=metres,
    )


def _outside(atlas: Atlas, shares: list[tuple[int, float]], lon: float, lat: float) -> Routing:
    """At sea or abroad: the desk of the nearest province, or the national one."""
    near = atlas.index.nearest(lon, lat, NEAREST_PROVINCE_M)
    candidates = [(ward, share) for ward, share in shares if _reaches(share, CANDIDATE_SHARE)]
    if not near:
        return _to_national_desk(atlas, "outside-national")._replace(
            confidence=Confidence.OUTSIDE,
            candidates=_named(atlas, candidates),
        )
    nearest, metres = near[0]
    ward = atlas.ward_in(nearest)
    owner = atlas.desk_of(ward.province_code)
    informed = [ward] if any(position == nearest for position, _ in candidates) else []
    return Routing(
        owner_station_id=owner,
        ward_code=None,
        province_code=ward.province_code,
        confidence=Confidence.OUTSIDE,
        rule="outside-near-province",
        candidates=_named(atlas, candidates),
        informed=_stations(atlas, informed, other_than=owner),
        flags=() if owner != NATIONAL_DESK_ID else ("station-missing",),
        distance_to_border_m=metres if metres <= BORDER_REACH_M else None,
        edition_id=atlas.edition_id,
    )


def _by_code(atlas: Atlas, place: Place, group_ward: str | None) -> Routing:
    """No point: the ward or the province that was named, the group's ward, the national desk."""
    flags: list[str] = []
    if place.ward_code is not None:
        if found := atlas.resolve(place.ward_code):
            return _by_ward_code(atlas, found, Confidence.UNCERTAIN, "by-ward-code")
        flags.append("unknown-ward-code")
    if place.province_code is not None:
        if atlas.knows_province(place.province_code):
            owner = atlas.desk_of(place.province_code)
            if owner == NATIONAL_DESK_ID:
                flags.append("station-missing")
            return Routing(
                owner_station_id=owner,
                ward_code=None,
                province_code=place.province_code,
                confidence=Confidence.UNKNOWN,
                rule="by-province",
                flags=tuple(flags),
                edition_id=atlas.edition_id,
            )
        flags.append("unknown-province-code")
    if group_ward is not None and (found := atlas.resolve(group_ward)):
        return _by_ward_code(atlas, found, Confidence.UNKNOWN, "by-group", flags)
    return _to_national_desk(atlas, "nowhere")._replace(flags=tuple(flags))


def _by_ward_code(
    atlas: Atlas,
    found: tuple[WardInfo, bool],
    confidence: Confidence,
    rule: str,
    flags: Iterable[str] = (),
) -> Routing:
    ward, succeeded = found
    told = [*flags, "ward-code-succeeded"] if succeeded else [*flags]
    return _owned_by_ward(atlas, ward, confidence, rule, [], told)


def _owned_by_ward(
    atlas: Atlas,
    ward: WardInfo,
    confidence: Confidence,
    rule: str,
    shares: list[tuple[int, float]],
    flags: Iterable[str],
    *,
    distance_to_border_m: float | None = None,
) -> Routing:
    owner = atlas.station_of(ward)
    if owner != atlas.jurisdictions.get(ward.code):
        flags = [*flags, "station-missing"]
    informed = [atlas.ward_in(at) for at, share in shares if _reaches(share, INFORMED_SHARE)]
    return Routing(
        owner_station_id=owner,
        ward_code=ward.code,
        province_code=ward.province_code,
        confidence=confidence,
        rule=rule,
        candidates=_named(atlas, shares),
        informed=_stations(atlas, informed, other_than=owner) if informed != [ward] else (),
        flags=tuple(flags),
        distance_to_border_m=distance_to_border_m,
        edition_id=atlas.edition_id,
    )


def _to_national_desk(atlas: Atlas | None, rule: str) -> Routing:
    edition_id = None if atlas is None else atlas.edition_id
    return Routing(NATIONAL_DESK_ID, None, None, Confidence.UNKNOWN, rule, edition_id=edition_id)


def _to_oversight(atlas: Atlas, routing: Routing) -> Routing:
    """The same, owned by the office over the police concerned and known to nobody else."""
    province = routing.province_code
    owner = NATIONAL_DESK_ID if province is None else atlas.oversight_of(province)
    return routing._replace(owner_station_id=owner, informed=())


def _largest(shares: list[tuple[int, float]]) -> tuple[int, float]:
    """The largest share; of equals the first, which has the lowest code."""
    most = max(share for _, share in shares)
    return next((at, share) for at, share in shares if share >= most - EPSILON)


def _reaches(share: float, threshold: float) -> bool:
    return share >= threshold - EPSILON


def _by_share(share: float) -> Confidence:
    if _reaches(share, CERTAIN_SHARE):
        return Confidence.CERTAIN
    return Confidence.LIKELY if _reaches(share, LIKELY_SHARE) else Confidence.UNCERTAIN


def _named(atlas: Atlas, shares: list[tuple[int, float]]) -> tuple[Candidate, ...]:
    """Candidates, the largest share first, those below 5 % left out."""
    kept = [(at, share) for at, share in shares if _reaches(share, CANDIDATE_SHARE)]
    if len(kept) > 1:
        kept.sort(key=lambda item: (-item[1], item[0]))
    return tuple([Candidate(atlas.codes[at], round(share, 4)) for at, share in kept])


def _stations(atlas: Atlas, wards: Iterable[WardInfo], *, other_than: str) -> tuple[str, ...]:
    """Their stations, each once, without the owner."""
    stations = dict.fromkeys(atlas.station_of(ward) for ward in wards)
    return tuple(station for station in stations if station != other_than)
