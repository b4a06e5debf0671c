"""Migrations go forward and back with data in the tables, and agree with the models."""

import uuid
from collections.abc import Iterator

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, inspect, text

from api import migrations
from tests.conftest import administering, exclusive, named
from tests.factories import make_officer, make_report, make_station

REVISIONS = [
    script.revision
    for script in reversed(list(ScriptDirectory.from_config(migrations.config()).walk_revisions()))
]


@pytest.fixture
def empty_engine(postgis: str) -> Iterator[Engine]:
    """A database without any table."""
    name = f"tinbao_test_migrations_{uuid.uuid4().hex[:8]}"
    with exclusive("template"), administering(postgis) as connection:
        connection.execute(text(f"create database {name}"))
    made = create_engine(named(postgis, name))
    yield made
    made.dispose()
    with administering(postgis) as connection:
        connection.execute(text(f"drop database if exists {name} with (force)"))


def url_of(engine: Engine) -> str:
    """The URL with its password."""
    return engine.url.render_as_string(hide_password=False)


def fill(engine: Engine) -> None:
    """Rows in the tables that matter: a case with its history, and an officer signed in."""
    station = make_station(engine)
    make_report(engine, station, informed=("vn",))
    make_officer(engine, station)


def test_every_revision_goes_back_and_forward_again_with_data(empty_engine: Engine) -> None:
    url = url_of(empty_engine)
    migrations.upgrade(url)
    fill(empty_engine)

    for revision in reversed(REVISIONS[1:-1]):
        migrations.downgrade(url, revision)
    with empty_engine.connect() as connection:
        kept = connection.scalar(text("select count(*) from reports"))
    migrations.upgrade(url)

    assert kept == 1
    with empty_engine.begin() as connection:
        connection.execute(text("set local role tinbao_officer"))
        assert connection.scalar(text("select count(*) from reports")) == 0
    fill(empty_engine)


def test_the_way_back_ends_with_no_table_of_ours(empty_engine: Engine) -> None:
    url = url_of(empty_engine)
    migrations.upgrade(url)

    migrations.downgrade(url, "base")

    left = set(inspect(empty_engine).get_table_names()) - {"spatial_ref_sys", "alembic_version"}
    assert left == set()


def test_the_models_and_the_migrations_agree(engine: Engine) -> None:
    command.check(migrations.config(url_of(engine)))
