"""Random towns, every answer that may be asked for, and an adversary who compares all of them."""

import datetime as dt
from collections import defaultdict
from typing import Any

import h3
import numpy as np
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, text

from api.accounts.tables import StaffRole
from api.hotspots import making, suppression
from api.hotspots.groups import WINDOWS
from geo.atlas import edition_in_force, load_atlas
from geo.cell_map import load_cell_map
from geo.grid import names
from tests.factories import caller, make_officer
from tests.hotspots_api.adversary import Adversary, Statement
from tests.town import SIDE, SOUTH, WEST, Town
from tests.trends.past import Sent, sent

TODAY = dt.datetime.now(dt.timezone(dt.timedelta(hours=7))).date()
DAY = dt.timedelta(1)
CATEGORIES = ("theft", "noise", "drugs")
GROUPS = ("all", "property", "public_order", "drugs_gambling")
SCOPES = ("01", "00001", "00002")
K = 5


@pytest.fixture(scope="module")
def commander(engine: Engine, town: Town) -> str:
    """Whoever commands the town's province."""
    return make_officer(engine, None, role=StaffRole.PROVINCE_COMMANDER, province_code="01")


@pytest.fixture(scope="module")
def wards(engine: Engine, town: Town) -> dict[str, str]:
    """The ward of each fine cell of the town."""
    with engine.connect() as connection:
        edition = edition_in_force(connection, dt.datetime.now(dt.UTC))
        assert edition is not None
        atlas = load_atlas(connection, edition.id)
        cells = load_cell_map(connection, atlas, "01")
    codes = [atlas.codes[at] for at in cells.wards.tolist()]
    return dict(zip(names(cells.cells), codes, strict=True))


def town_of(rng: np.random.Generator, reports: int, reporters: int) -> list[Sent]:
    """Reports round a few spots, of reporters who mostly report once, over three months."""
    spots = rng.random((4, 2))
    keys = [rng.bytes(32) for _ in range(reporters)]
    made = []
    for _ in range(reports):
        spot = spots[rng.integers(4)] + rng.normal(0, 0.15, 2)
        x, y = np.clip(spot, 0.01, 0.99)
        who = keys[rng.integers(reporters)] if rng.random() < 0.9 else None
        back = int(rng.exponential(20)) % 95 + 1
        where = (WEST + float(x) * SIDE, SOUTH + float(y) * 2 * SIDE)
        made.append(Sent(TODAY - back * DAY, where, str(rng.choice(CATEGORIES)), who))
    return made


def truth(made: list[Sent], window: int, group: str, as_of: dt.date) -> dict[str, set[Any]]:
    """Who reported from each stored cell, every one of them."""
    kinds = {"theft": "property", "noise": "public_order", "drugs": "drugs_gambling"}
    found: dict[str, set[Any]] = defaultdict(set)
    for n, each in enumerate(made):
        assert each.where is not None
        if as_of - window * DAY < each.day <= as_of and group in {"all", kinds[each.category]}:
            cell = h3.latlng_to_cell(each.where[1], each.where[0], 9)
            found[cell].add(each.reporter or n)
    return found


def behind(facts: dict[str, Any], who: dict[str, set[Any]], wards: dict[str, str]) -> set[Any]:
    """Who is behind a place that is told of."""
    if facts["cell"] is None:
        cells = [cell for cell in who if wards.get(h3.cell_to_parent(cell, 8), facts["ward_code"])]
    else:
        cells = [cell for cell in who if h3.cell_to_parent(cell, facts["res"]) == facts["cell"]]
    return set().union(*(who[cell] for cell in cells))


async def every_answer(app: FastAPI, token: str, as_of: dt.date) -> list[dict[str, Any]]:
    """Of a day."""
    answers = []
    async with caller(app, token) as client:
        for window in WINDOWS:
            for group in GROUPS:
                for scope in SCOPES:
                    asked = {"window": window, "group": group, "scope": scope,
                             "as_of": str(as_of)}  # fmt: skip
                    answer = await client.get("/v1/hotspots", params=asked)
                    assert answer.status_code == 200, answer.text
                    answers.append(answer.json())
    return answers


def pinned(adversary: Adversary) -> list[Any]:
    """The places, windows and groups that certainly hold somebody, and fewer than five."""
    return [
        (*key, low, high) for key, (low, high) in adversary.bounds().items() if 0 < low <= high < K
    ]


def forget(engine: Engine) -> None:
    """No reports and no layers."""
    with engine.begin() as connection:
        connection.execute(text("truncate reports, hotspot_layers, hotspot_days cascade"))


@pytest.mark.parametrize(("seed", "reports", "reporters"), [
    (1, 30, 30), (2, 120, 80), (3, 400, 250),
])  # fmt: skip
async def test_no_answers_together_show_fewer_than_five(
    app: FastAPI,
    engine: Engine,
    commander: str,
    wards: dict[str, str],
    seed: int,
    reports: int,
    reporters: int,
) -> None:
    forget(engine)
    made = town_of(np.random.default_rng(seed), reports, reporters)
    sent(engine, made)

    for as_of in (TODAY - DAY, TODAY):
        adversary = Adversary(wards)
        for layer in await every_answer(app, commander, as_of):
            adversary.hear(layer)
            who = truth(made, int(layer["window"][:-1]), layer["group"], as_of)
            for feature in layer["features"]:
                facts = feature["properties"]
                if facts["count_band"] is not None:
                    assert len(behind(facts, who, wards)) >= K, facts
        assert adversary.statements
        assert pinned(adversary) == []


async def test_an_adversary_finds_who_stands_alone_where_fewer_are_told_of(
    app: FastAPI,
    engine: Engine,
    commander: str,
    wards: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(making, "K", 2)
    monkeypatch.setattr(
        making, "band", lambda count, *_, **__: suppression.band(count, (2, 5, 10, 20, 50))
    )
    forget(engine)
    sent(engine, town_of(np.random.default_rng(6), 40, 40))

    adversary = Adversary(wards)
    for layer in await every_answer(app, commander, TODAY):
        adversary.hear(layer)

    assert pinned(adversary)


def test_an_adversary_adds_up_what_is_hidden() -> None:
    wards, month, quarter = {"a": "1", "b": "1", "c": "2"}, (28, "all"), (90, "all")
    hidden = [Statement((cell,), quarter, 0, K - 1) for cell in ("a", "b")]

    alone = Adversary(wards, [*hidden, Statement(("a", "b"), month, 5, 9)])
    together = Adversary(wards, [*hidden, Statement(("a", "b"), month, 4, 9)])

    assert {(cell, low) for cell, kind, low, _ in pinned(alone)} == {("a", 1), ("b", 1)}
    assert pinned(together) == []
