"""The layers of a day, made at night: all of them, once, by whichever worker comes first."""

import datetime as dt
import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, create_engine, text

from api.hotspots.nightly import freeze
from tests.hotspots_api.test_hotspots_api import many
from tests.town import Town
from tests.trends.past import sent

LAYERS = text("""
    select scope, days, category_group, inputs_sha256, answer from hotspot_layers
    order by 1, 2, 3
""")
NOW = dt.datetime.now(dt.UTC)


@pytest.fixture
def worker(engine: Engine, town: Town) -> Iterator[Engine]:
    """With the worker's rights, on reports of yesterday and no layers."""
    with engine.begin() as connection:
        connection.execute(text("truncate reports, hotspot_layers, hotspot_days cascade"))
    sent(engine, many(12))
    made = create_engine(engine.url, connect_args={"options": "-c role=tinbao_worker"})
    yield made
    made.dispose()


def test_every_layer_is_made_once_and_stays(engine: Engine, worker: Engine) -> None:
    first = freeze(worker, None, threading.Event(), NOW)
    with engine.connect() as connection:
        before = connection.execute(LAYERS).all()
    sent(engine, many(30))

    again = freeze(worker, None, threading.Event(), NOW)

    with engine.connect() as connection:
        after = connection.execute(LAYERS).all()
    # A province and the country; seven groups of three windows, and the sensitive of one.
    assert (first, again) == (2 * (7 * 3 + 1), 0)
    assert after == before
    assert any(row.answer["features"] for row in after)


def test_the_same_reports_make_the_same_layers(engine: Engine, worker: Engine) -> None:
    freeze(worker, None, threading.Event(), NOW)
    with engine.begin() as connection:
        before = connection.execute(LAYERS).all()
        connection.execute(text("truncate hotspot_layers"))

    freeze(worker, None, threading.Event(), NOW)

    with engine.connect() as connection:
        assert connection.execute(LAYERS).all() == before


def test_two_workers_at_once_make_each_layer_once(engine: Engine, worker: Engine) -> None:
    threads = [
        threading.Thread(target=freeze, args=(worker, None, threading.Event(), NOW))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with engine.connect() as connection:
        assert len(connection.execute(LAYERS).all()) == 2 * (7 * 3 + 1)


def test_a_worker_that_stops_leaves_what_is_done(engine: Engine, worker: Engine) -> None:
    stop = threading.Event()
    stop.set()

    assert freeze(worker, None, stop, NOW) == 0
