"""Jobs in their own schema, begun once however many workers there are, safe to repeat."""

import asyncio
import dataclasses
import hashlib
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from procrastinate import App
from procrastinate.schema import SchemaManager
from sqlalchemy import Engine, create_engine, text

from api.jobs.app import Work
from api.jobs.runner import Jobs, opened
from api.settings import Settings

PACKAGES_SCHEMA = "c70ec4b400a60ad9592787653aae5ae77ae41bf801d56b5bd2712751a07f2009"


def url_of(engine: Engine) -> str:
    return engine.url.render_as_string(hide_password=False)


@pytest.fixture
def worker(own_engine: Engine) -> Iterator[Engine]:
    """The worker's engine: its role only."""
    made = create_engine(own_engine.url, connect_args={"options": "-c role=tinbao_worker"})
    with own_engine.begin() as connection:
        connection.execute(text("truncate jobs.procrastinate_jobs, "
            "jobs.procrastinate_periodic_defers, jobs.procrastinate_workers cascade"))  # fmt: skip
    yield made
    made.dispose()


@pytest.fixture
def work(worker: Engine) -> Work:
    """The jobs."""
    return Work(worker, lambda: None, threading.Event())


def test_the_schema_in_the_database_is_that_of_the_package() -> None:
    found = hashlib.sha256(SchemaManager.get_schema().encode()).hexdigest()

    # A newer package brings its own migrations: they become a revision of ours, and this its hash.
    assert found == PACKAGES_SCHEMA


def counts(engine: Engine, query: str) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


async def once(app: App) -> None:
    """Do what waits, then end."""
    await app.run_worker_async(wait=False, install_signal_handlers=False, listen_notify=False)


async def test_two_workers_begin_a_moment_of_a_schedule_once(
    worker: Engine, work: Work, own_engine: Engine
) -> None:
    url = url_of(own_engine)
    async with opened(url, work) as first, opened(url, work) as second:
        tasks = list(first.periodic_registry.periodic_tasks.values())
        for app in (first, second, first):
            for each in app.periodic_registry.periodic_tasks.values():
                job = each.task.configure(task_kwargs={"timestamp": 1_760_000_000}).job
                await app.job_manager.defer_periodic_job(
                    job=job, periodic_id="", defer_timestamp=1_760_000_000
                )
        queued = counts(own_engine, "select task_name from jobs.procrastinate_jobs")
        await asyncio.gather(once(first), once(second))

    assert sorted(name for (name,) in queued) == sorted(each.task.name for each in tasks)
    done = counts(
        own_engine, "select distinct status::text from jobs.procrastinate_jobs where attempts = 1"
    )
    assert done == [("succeeded",)]


async def test_a_job_that_fails_is_over_and_the_next_one_comes(
    own_engine: Engine, work: Work
) -> None:
    failing = dataclasses.replace(work)
    begun: list[int] = []

    def climb_ladder() -> None:
        begun.append(1)
        raise RuntimeError("as it may happen")

    object.__setattr__(failing, "climb_ladder", climb_ladder)

    async with opened(url_of(own_engine), failing) as app:
        for moment in (1, 2):
            await app.tasks["climb_ladder"].defer_async(timestamp=moment)
            await once(app)

    left = "select status::text from jobs.procrastinate_jobs where status in ('todo', 'doing')"
    assert counts(own_engine, left) == []
    assert len(begun) >= 2


async def test_what_a_dead_worker_held_is_forgotten(
    own_engine: Engine, work: Work, worker: Engine
) -> None:
    async with opened(url_of(own_engine), work) as app:
        await app.tasks["climb_ladder"].defer_async(timestamp=1)
        dead = await app.job_manager.register_worker()
        assert await app.job_manager.fetch_job(queues=None, worker_id=dead) is not None
        with own_engine.begin() as connection:
            connection.execute(
                text(
                    "update jobs.procrastinate_workers"
                    " set last_heartbeat = now() - interval '5 minutes'"
                )
            )
        await app.tasks["tidy_jobs"].defer_async(timestamp=1)
        await once(app)

    assert counts(own_engine, "select 1 from jobs.procrastinate_jobs where status = 'doing'") == []


def test_the_thread_works_and_halts(own_engine: Engine, work: Work) -> None:
    settings = Settings.model_validate(
        {"mode": "demo", "database_url": url_of(own_engine).replace("+psycopg", "")}
    )
    begun = threading.Event()
    climbing = Work(work.engine, work.ring, work.stop)
    object.__setattr__(climbing, "climb_ladder", begun_by(begun))
    thread = Jobs(settings, climbing)

    thread.start()
    assert begun.wait(60)
    thread.halt()
    thread.join(60)

    assert not thread.is_alive()
    assert counts(own_engine, "select 1 from jobs.procrastinate_workers") == []


def begun_by(event: threading.Event) -> object:
    """A job that says it was begun."""

    def climb_ladder() -> None:
        event.set()

    return climb_ladder


def test_the_thread_waits_for_a_database_that_is_away(work: Work) -> None:
    settings = Settings.model_validate(
        {"mode": "demo", "database_url": "postgresql://nobody@127.0.0.1:1/none"}
    )
    thread = Jobs(settings, work)

    thread.start()
    thread.halt()
    thread.join(60)

    assert not thread.is_alive()


@pytest.mark.parametrize("role", ["tinbao_api", "tinbao_officer"])
def test_nobody_but_the_worker_looks_into_the_jobs(own_engine: Engine, role: str) -> None:
    with own_engine.connect() as connection:
        connection.execute(text(f"set role {role}"))
        with pytest.raises(Exception, match="permission denied"):
            connection.execute(text("select 1 from jobs.procrastinate_jobs"))
