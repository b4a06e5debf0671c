"""An edition in force, and the worker that follows it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine

from api.areas.activation import activate_edition
from tests.api.areas.two_editions import FIRST, NOW, make
from tests.geo.squares import three_wards


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
