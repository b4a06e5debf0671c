"""The database of the tests: one private cluster per checkout, one migrated template per run.

Several test runs share the cluster; the last to leave stops it. Of a run in several processes each
has a cluster of its own: what one writes holds up the inboxes of the whole cluster.
`TINBAO_TEST_DATABASE_URL` names another server to use instead (its user must be a superuser).
"""

import fcntl
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, create_engine, make_url, pool, text

from api.local.postgis import Cluster

ROOT = Path(__file__).resolve().parent.parent
PROCESS = os.environ.get("PYTEST_XDIST_WORKER", "alone")
HOME = ROOT / ".local" / f"test-postgis-{PROCESS}"
RUN = os.environ.get("PYTEST_XDIST_TESTRUNUID", uuid.uuid4().hex)[:12]


@contextmanager
def exclusive(name: str) -> Iterator[None]:
    """Hold a lock that all test processes of this checkout know."""
    HOME.mkdir(parents=True, exist_ok=True)
    with (HOME / name).open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def using_the_cluster() -> Iterator[Cluster]:
    """Every user holds a shared lock, so whoever can have it alone is the first, or the last."""
    HOME.mkdir(parents=True, exist_ok=True)
    cluster = Cluster(HOME, durable=False)
    with (HOME / "users").open("a") as users:
        with exclusive("arrivals"):
            fcntl.flock(users, fcntl.LOCK_SH)
            cluster.up()
        try:
            yield cluster
        finally:
            with exclusive("arrivals"):
                fcntl.flock(users, fcntl.LOCK_UN)
                if alone(users.fileno()):
                    drop_databases(cluster.url("postgres"))
                    cluster.stop()


def alone(users: int) -> bool:
    """Whether no other test process uses the cluster."""
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def administering(server: str) -> Iterator[Connection]:
    """A connection for statements that want no transaction, to the server's own database."""
    engine = create_engine(server, poolclass=pool.NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection


def drop_databases(server: str) -> None:
    """Remove every database that tests made, also those of runs that were killed."""
    with administering(server) as connection:
        made = connection.scalars(
            text("SELECT datname FROM pg_database WHERE datname LIKE 'tinbao\\_test\\_%'")
        )
        for name in made.all():
            connection.execute(text(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))


def migrate(url: str) -> None:
    """Bring a database to the newest migration."""
    config = Config(toml_file=ROOT / "pyproject.toml")
    config.attributes["url"] = url
    command.upgrade(config, "head")


def named(server: str, database: str) -> str:
    """The URL of another database of the same server."""
    return make_url(server).set(database=database).render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def postgis() -> Iterator[str]:
    """A server with PostGIS: the owner's URL of its `postgres` database."""
    if given := os.environ.get("TINBAO_TEST_DATABASE_URL"):
        yield given
        return
    with using_the_cluster() as cluster:
        yield cluster.url("postgres")


@pytest.fixture(scope="session")
def template(postgis: str) -> str:
    """The name of a migrated database nobody works in; the first process of a run makes it."""
    name = f"tinbao_test_template_{RUN}"
    with exclusive("template"), administering(postgis) as connection:
        found = text("SELECT FROM pg_database WHERE datname = :name AND NOT datallowconn")
        if connection.execute(found, {"name": name}).first() is None:
            connection.execute(text(f"DROP DATABASE IF EXISTS {name}"))
            connection.execute(text(f"CREATE DATABASE {name}"))
            migrate(named(postgis, name))
            connection.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false"))
    return name


@pytest.fixture(scope="session")
def database_url(postgis: str, template: str) -> Iterator[str]:
    """The owner's URL of a fresh migrated database that only this test process uses."""
    name = f"tinbao_test_{RUN}_{uuid.uuid4().hex[:8]}"
    with exclusive("template"), administering(postgis) as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}"))
    yield named(postgis, name)
    with administering(postgis) as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))


@pytest.fixture(scope="session")
def service_database_url(postgis: str, database_url: str) -> str:
    """The same database for a login that owns nothing and may only take the service roles."""
    if os.environ.get("TINBAO_TEST_DATABASE_URL"):
        return database_url
    cluster = Cluster(HOME, durable=False)
    cluster.grant_service()
    return cluster.service_url(make_url(database_url).database or "")


@pytest.fixture(scope="session")
def engine(database_url: str) -> Iterator[Engine]:
    """A synchronous engine of the owner."""
    made = create_engine(database_url)
    yield made
    made.dispose()


@contextmanager
def own_database(postgis: str, template: str) -> Iterator[Engine]:
    """An engine of a database that nobody else uses, gone afterwards."""
    name = f"tinbao_test_{RUN}_{uuid.uuid4().hex[:8]}"
    with exclusive("template"), administering(postgis) as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}"))
    made = create_engine(named(postgis, name))
    yield made
    made.dispose()
    with administering(postgis) as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))


@pytest.fixture(scope="module")
def own_engine(postgis: str, template: str) -> Iterator[Engine]:
    """An engine of a database that only this module's tests use, for those that empty tables."""
    with own_database(postgis, template) as engine:
        yield engine


@pytest.fixture
def unmapped(own_engine: Engine) -> Engine:
    """That database before any boundary edition: no provinces, wards or stations."""
    with own_engine.begin() as connection:
        connection.execute(
            text("""
                truncate boundary_editions, provinces, stations, jurisdictions, ward_aliases,
                         ward_successions cascade
            """)
        )
    return own_engine
