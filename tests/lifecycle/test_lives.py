"""Whoever does whatever to a case: one owner, one trace of each step, nothing without a right."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings as examples
from hypothesis.stateful import run_state_machine_as_test
from sqlalchemy import Engine, make_url

from api.app import create_app
from api.reports.tables import CLOSED, OPEN
from api.secrets import create_keys
from api.settings import Settings
from api.triage.steps import REOPENED, STEPS
from notifications.messages import KINDS
from tests.lifecycle.machine import LIVES, Life
from tests.lifecycle.world import living
from tests.town import load_town


@pytest.fixture(scope="module")
def settings(
    tmp_path_factory: pytest.TempPathFactory, own_engine: Engine, service_database_url: str
) -> Settings:
    """A demo's settings without limits; the service has only its own roles."""
    service = make_url(service_database_url).set(
        drivername="postgresql", database=own_engine.url.database
    )
    home: Path = tmp_path_factory.mktemp("home")
    made = Settings.model_validate(
        {
            "mode": "demo",
            "home": home,
            "database_url": own_engine.url.set(drivername="postgresql").render_as_string(
                hide_password=False
            ),
            "service_database_url": service.render_as_string(hide_password=False),
            "limits": {"factor": 0},
        }
    )
    create_keys(made.keys)
    load_town(own_engine, made.keys)
    return made


@pytest.fixture
def lives(own_engine: Engine, settings: Settings) -> Iterator[type[Life]]:
    """Lives in a world of their own."""
    with living(own_engine, settings) as world:
        Life.world = world
        yield Life


def test_every_step_of_every_life_is_allowed_recorded_and_told_once(lives: type[Life]) -> None:
    run_state_machine_as_test(
        lives, settings=examples(LIVES, max_examples=16, stateful_step_count=31, derandomize=True)
    )

    done = {step for step, answer in lives.tried if answer == "done"}
    assert len(done) >= len(STEPS) / 3


def test_every_step_has_its_route(settings: Settings) -> None:
    roots = {False: "/v1/cases/{case_id}", True: "/v1/my/reports/{report_id}"}

    paths = create_app(settings).openapi()["paths"]

    for step in STEPS.values():
        operations = paths.get(f"{roots[step.by_reporter]}/{step.path}", {})
        assert step.method.lower() in operations, step.name


@pytest.mark.parametrize("name", STEPS)
def test_a_step_that_tells_has_words(name: str) -> None:
    assert (STEPS[name].tells != "never") == (name in KINDS)


def test_whatever_changes_a_state_tells_the_reporter() -> None:
    for step in STEPS.values():
        if any(state != target for state, target in step.leads.items()):
            assert step.tells == "always", step.name


def test_only_reopening_leads_out_of_a_closed_state() -> None:
    leaving = {
        step.name
        for step in STEPS.values()
        for state, target in step.leads.items()
        if state in CLOSED and target != state
    }

    assert leaving == {REOPENED.name}
    assert set(OPEN) | set(CLOSED) >= {each for step in STEPS.values() for each in step.leads}
