"""Nobody who reads every answer there is can single out one to four reporters.

A reader asks for all scopes, windows and groups over some days, and does interval arithmetic on
all that was told: sums over cells, wards, parents, groups and neighbourhoods, and longer windows
that hold shorter ones. Every reporter here reports once, so that all those sums are exact: nobody
could know more.
"""

import datetime as dt
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from h3.api import basic_int as h3
from sqlalchemy import Connection, Engine, text

from api.clock import now
from api.hotspots import keeping, layers, making, suppression
from api.hotspots.groups import Group
from api.trends.keeping import Area
from geo import grid
from geo.atlas import Atlas, load_atlas
from geo.cell_map import load_cell_map
from geo.editions import activate
from geo.features import Reading, WardShape
from geo.load import import_reading
from geo.tables import WardType
from tests.trends.past import Sent, sent

TODAY = now().astimezone(dt.timezone(dt.timedelta(hours=7))).date()
DAYS = (TODAY - dt.timedelta(3), TODAY - dt.timedelta(2))
WINDOWS = (7, 28, 90)
CATEGORIES = {"theft": Group.PROPERTY, "violence": Group.VIOLENCE, "noise": Group.PUBLIC_ORDER}
GROUPS = tuple(group for group in Group if group is not Group.SENSITIVE)
PARTS = tuple(group for group in GROUPS if group is not Group.ALL)
WEST, SOUTH, SIDE = 105.80, 21.00, 0.013
WARDS = {f"0000{n}": (n % 2, n // 2) for n in range(6)}


@pytest.fixture(scope="module")
def atlas(engine: Engine, town: Any, tmp_path_factory: pytest.TempPathFactory) -> Atlas:
    """Six wards of two or three cells each."""
    shapes = [
        WardShape(
            code=code,
            name=f"Phường {code}",
            name_en=None,
            type=WardType.WARD,
            province_code="01",
            province_name="Thành phố Hà Nội",
            boundary=shapely.MultiPolygon([box(x, y)]),
        )
        for code, (x, y) in WARDS.items()
    ]
    made = import_reading(
        engine,
        Reading(wards=shapes, crs="EPSG:4326", features=len(shapes)),
        source="small",
        attribution="made up",
        approximate=False,
        effective_from=dt.date(2025, 8, 1),
    )
    assert made.edition_id is not None
    with engine.begin() as connection:
        activate(connection, made.edition_id, now())
        return load_atlas(connection, made.edition_id, Path(tmp_path_factory.mktemp("index")))


def box(x: int, y: int) -> shapely.Polygon:
    """A ward's land."""
    west, south = WEST + x * SIDE, SOUTH + y * SIDE
    return shapely.box(west, south, west + SIDE, south + SIDE)


@dataclass
class Reader:
    """What somebody knows: for each count an interval, and which counts add up to which."""

    low: dict[Any, float] = field(default_factory=dict)
    high: dict[Any, float] = field(default_factory=dict)
    sums: list[tuple[Any, list[Any]]] = field(default_factory=list)
    below: list[tuple[Any, Any]] = field(default_factory=list)

    def learn(self, key: Any, low: float, high: float = math.inf) -> None:
        """A count lies between these."""
        self.low[key] = max(self.low.get(key, 0), low)
        self.high[key] = min(self.high.get(key, math.inf), high)

    def think(self) -> None:
        """Draw every conclusion from one sum, or one pair, at a time, as long as there are any."""
        before = None
        while before != (self.low, self.high):
            before = (dict(self.low), dict(self.high))
            for whole, parts in self.sums:
                lows = [self.low.get(part, 0) for part in parts]
                highs = [self.high.get(part, math.inf) for part in parts]
                self.learn(whole, sum(lows), sum(highs))
                low, high = self.low[whole], self.high[whole]
                for at, part in enumerate(parts):
                    others = sum(highs[:at]) + sum(highs[at + 1 :])
                    least = low - others if others < math.inf else 0
                    self.learn(part, least, high - (sum(lows) - lows[at]))
            for smaller, larger in self.below:
                self.learn(smaller, 0, self.high.get(larger, math.inf))
                self.learn(larger, self.low.get(smaller, 0))

    def confused(self) -> list[Any]:
        """Counts that nothing fits: then the conclusions are wrong."""
        return [key for key in self.low if self.low[key] > self.high[key]]

    def singled_out(self) -> list[Any]:
        """Counts, and differences of counts, that must be one to four."""
        found = [key for key in self.low if 1 <= self.low[key] <= self.high[key] <= 4]
        for smaller, larger in self.below:
            least = self.low.get(larger, 0) - self.high.get(smaller, math.inf)
            most = self.high.get(larger, math.inf) - self.low.get(smaller, 0)
            if least >= 1 and most <= 4:
                found.append((smaller, larger))
        return found


@dataclass(frozen=True)
class Map:
    """How places lie, as everybody may know."""

    cells: dict[int, list[int]]
    """By resolution."""
    wards: dict[int, dict[int, str]]
    fine: dict[str, list[int]]

    def parts(self, cell: int) -> list[int]:
        """The fine cells of a cell."""
        res = h3.get_resolution(cell)
        return [each for each in self.cells[8] if h3.cell_to_parent(each, res) == cell]

    def members(self, resolution: int, cell: int) -> list[int]:
        """A neighbourhood."""
        here = set(self.cells[resolution])
        return [each for each in h3.grid_disk(cell, 1) if each in here]


def map_of(connection: Connection, atlas: Atlas) -> Map:
    """The map of the province."""
    fine = load_cell_map(connection, atlas, "01")
    land = layers.land_of(atlas, fine)
    cells = {res: area.cells.tolist() for res, area in land.areas.items()}
    wards = {
        res: {cell: atlas.codes[at] for cell, at in zip(cells[res], land.wards[res], strict=True)}
        for res in cells
    }
    of_ward: dict[str, list[int]] = {code: [] for code in WARDS}
    for cell, ward in wards[8].items():
        of_ward[ward].append(cell)
    return Map(cells, wards, of_ward)


def world(rng: np.random.Generator, cells: Sequence[int]) -> list[Sent]:
    """A hundred days of reports, in cells some of which are nearly empty, at their centres."""
    mean = rng.choice([0.3, 2, 4, 5, 7, 12, 30], len(cells))
    reports = []
    for cell, expected in zip(cells, mean, strict=True):
        lat, lon = h3.cell_to_latlng(cell)
        for _ in range(rng.poisson(expected)):
            back = int(rng.choice([0, 1, 2, 3, 5, 8, 20, 40, 80]))
            category = str(rng.choice(list(CATEGORIES), p=[0.5, 0.3, 0.2]))
            reports.append(Sent(DAYS[-1] - dt.timedelta(back), (lon, lat), category))
    return reports


Answers = dict[tuple[str, int, Group, dt.date], dict[str, Any]]


def answers_of(connection: Connection, atlas: Atlas) -> Answers:
    """Every answer that there is, kept as the service keeps them."""
    found: Answers = {}
    for as_of in DAYS:
        for scope in ("01", *WARDS):
            for days in WINDOWS:
                for group in GROUPS:
                    asked = keeping.Asked(Area(scope, "01"), days, group, as_of, atlas)
                    read = keeping.inputs(connection, asked, now())
                    kept = keeping.keep(connection, read, keeping.made(read))
                    assert kept == keeping.kept(connection, asked)
                    found[scope, days, group, as_of] = kept.answer
    return found


def told(reader: Reader, land: Map, asked: tuple[Any, ...], answer: dict[str, Any]) -> None:
    """What one answer says, and what it leaves out."""
    scope, days, group, as_of = asked
    res, what = answer["resolution"], (days, group, as_of)
    mine = [each for each in land.cells[res] if scope in ("01", land.wards[res][each])]
    shown = {}
    for feature in answer["features"]:
        place = feature["properties"]
        if place["cell"] is None:
            reader.learn((place["ward_code"], *what), *band_of(place, as_of))
        elif not place["suppressed"]:
            cell = int(place["cell"], 16)
            shown[cell] = place
            reader.learn((cell, *what), *band_of(place, as_of))
            around_of(reader, land, (cell, *what), res, place)
    for cell in mine:
        # Of a place of two cells nothing is ever told, however many reported there.
        if cell not in shown and len(land.parts(cell)) != 2:
            reader.learn((cell, *what), 0, 4 if as_of == DAYS[0] else 8)
    used = answer["reports_used"]
    total = ("used", scope, res, *what)
    reader.learn(total, used)  # or more: what would single out is not told of
    reader.sums.append((total, [(cell, *what) for cell in mine]))
    in_all = ("reporters", scope, *what)
    reader.learn(in_all, *suppression.ends(answer["distinct_reporters"]))


def band_of(place: dict[str, Any], as_of: dt.date) -> tuple[float, float]:
    """What a band stands for: after the first day, perhaps it is one that did not change yet."""
    low, high = suppression.ends(place["count_band"])
    return (low, high) if as_of == DAYS[0] else (max(low - 4, 5), high + 4)


def around_of(
    reader: Reader, land: Map, key: tuple[Any, ...], res: int, place: dict[str, Any]
) -> None:
    """What a cell's ratio says of its neighbourhood."""
    if place["ratio"] is None:
        return
    around = place["ratio"] * place["expected"]
    if around > 20:
        return
    cell, *what = key
    least = round(around / 5) * 5
    reader.learn(("around", *key), least, least + 4)
    members = [(each, *what) for each in land.members(res, cell)]
    reader.sums.append((("around", *key), members))


def nested(reader: Reader, land: Map) -> None:
    """Which places and times hold which."""
    for as_of in DAYS:
        for group in GROUPS:
            for days in WINDOWS:
                what = (days, group, as_of)
                for cell in land.cells[7]:
                    own = [(each, *what) for each in land.parts(cell)]
                    reader.sums.append(((cell, *what), own))
                for ward, parts in land.fine.items():
                    reader.sums.append(((ward, *what), [(each, *what) for each in parts]))
                    in_all = [(each, *what) for each in parts]
                    reader.sums.append((("reporters", ward, *what), in_all))
            places = [*land.cells[7], *land.cells[8], *land.fine]
            for place in places:
                for short, long in ((7, 28), (28, 90)):
                    reader.below.append(((place, short, group, as_of), (place, long, group, as_of)))
        for days in WINDOWS:
            for place in [*land.cells[7], *land.cells[8], *land.fine]:
                groups = [(place, days, group, as_of) for group in PARTS]
                reader.sums.append(((place, days, Group.ALL, as_of), groups))


def read_all(land: Map, answers: Answers) -> Reader:
    """Somebody who has read everything and thought about it."""
    reader = Reader()
    for asked, answer in answers.items():
        told(reader, land, asked, answer)
    nested(reader, land)
    reader.think()
    return reader


@pytest.fixture
def emptied(engine: Engine, atlas: Atlas) -> Iterator[None]:
    """No reports and no layers, before and after."""
    clear = text("truncate reports, hotspot_layers, hotspot_days cascade")
    with engine.begin() as connection:
        connection.execute(clear)
    yield
    with engine.begin() as connection:
        connection.execute(clear)


def searched(engine: Engine, atlas: Atlas, seed: int) -> tuple[Map, Answers, Reader]:
    """A world of its own, all its answers, and what comes of reading them."""
    rng = np.random.default_rng(seed)
    with engine.begin() as connection:
        connection.execute(text("truncate reports, hotspot_layers, hotspot_days cascade"))
        land = map_of(connection, atlas)
    sent(engine, world(rng, land.cells[8]))
    with engine.connect() as connection, connection.begin() as transaction:
        answers = answers_of(connection, atlas)
        transaction.rollback()
    return land, answers, read_all(land, answers)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.usefixtures("emptied")
def test_no_answer_and_no_two_answers_single_anybody_out(
    engine: Engine, atlas: Atlas, seed: int
) -> None:
    _, answers, reader = searched(engine, atlas, seed)

    assert any(answer["features"] for answer in answers.values())
    assert reader.confused() == []
    assert reader.singled_out() == []


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.usefixtures("emptied")
def test_whatever_is_told_of_has_five_reporters(engine: Engine, atlas: Atlas, seed: int) -> None:
    land, answers, _ = searched(engine, atlas, seed)
    query = text(
        "select cell_r9, count(distinct reporter_key) from reports"
        " join categories on categories.code = reports.category"
        " where (received_at at time zone 'Asia/Ho_Chi_Minh')::date between :first and :last"
        " and (:group = 'all' or hotspot_group = :group) group by 1"
    )

    with engine.connect() as connection:
        for (_, days, group, as_of), answer in answers.items():
            first = as_of - dt.timedelta(days - 1)
            given = {"first": first, "last": as_of, "group": str(group)}
            true = {row[0]: row[1] for row in connection.execute(query, given)}
            for feature in answer["features"]:
                place = feature["properties"]
                if place["cell"] and not place["suppressed"]:
                    cell = int(place["cell"], 16)
                    res = h3.get_resolution(cell)
                    inside = sum(n for c, n in true.items() if h3.cell_to_parent(c, res) == cell)
                    assert inside >= 5
    assert land.cells[8]


def exact(count: int, edges: Any = (), *, at_most: float | None = None) -> str | None:
    """A band that is none."""
    return f"{count}-{count}" if count >= 1 else None


def never(*_: Any) -> float:
    """No limit."""
    return math.inf


@pytest.mark.parametrize(
    ("where", "name", "instead"),
    [(making, "band", exact), (suppression, "most", never)],
    ids=["bands", "totals"],
)
@pytest.mark.usefixtures("emptied")
def test_the_reader_notices_what_is_left_out(
    engine: Engine,
    atlas: Atlas,
    monkeypatch: pytest.MonkeyPatch,
    where: Any,
    name: str,
    instead: Any,
) -> None:
    monkeypatch.setattr(where, name, instead)

    assert any(searched(engine, atlas, seed)[2].singled_out() for seed in range(3))


def test_the_reader_subtracts() -> None:
    reader = Reader()
    reader.learn("ward", 20, 24)
    reader.learn("one", 10, 19)
    reader.learn("other", 0, 4)
    reader.sums.append(("ward", ["one", "other"]))

    reader.think()

    assert reader.singled_out() == ["other"]
    assert grid.parents(np.array([h3.latlng_to_cell(21, 105.8, 8)], np.uint64), 7).size == 1
