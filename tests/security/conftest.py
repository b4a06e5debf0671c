"""The service on a database of each module's own, without limits, with accounts and a town."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, make_url

from api.app import create_app
from api.secrets import Keys, create_keys, load_keys
from api.settings import Settings
from tests.security.circle import People, a_circle, a_phone
from tests.stand_ins.firebase import FETCH, PROJECT, Issuer
from tests.town import Town, load_town


@pytest.fixture(scope="session")
def issuer() -> Issuer:
    """Who signs the ID tokens of accounts."""
    return Issuer()


@pytest.fixture(scope="module")
def engine(own_engine: Engine) -> Engine:
    """The owner of this module's database."""
    return own_engine


@pytest.fixture(scope="module")
def settings(
    tmp_path_factory: pytest.TempPathFactory, engine: Engine, service_database_url: str
) -> Settings:
    """A demo's settings; the service has only its own roles."""
    service = make_url(service_database_url).set(
        drivername="postgresql", database=engine.url.database
    )
    owner = engine.url.set(drivername="postgresql")
    home: Path = tmp_path_factory.mktemp("home")
    return Settings.model_validate(
        {
            "mode": "demo",
            "home": home,
            "database_url": owner.render_as_string(hide_password=False),
            "service_database_url": service.render_as_string(hide_password=False),
            "firebase_project": PROJECT,
            "limits": {"factor": 0},
        }
    )


@pytest.fixture(scope="module")
def town(engine: Engine, settings: Settings) -> Town:
    """Two wards on a coast, in force; keys of the service and of the unsealer."""
    create_keys(settings.keys)
    return load_town(engine, settings.keys)


@pytest.fixture(scope="module")
def keys(town: Town, settings: Settings) -> Keys:
    """The service's keys."""
    return load_keys(settings.keys)


@pytest.fixture(scope="module")
async def app(keys: Keys, settings: Settings, issuer: Issuer) -> AsyncIterator[FastAPI]:
    """The service, started."""
    made = create_app(settings)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FETCH, issuer.certificates)
        async with made.router.lifespan_context(made):
            made.state.refresher.refresh(everything=True)
            yield made


@pytest.fixture
async def people(app: FastAPI, engine: Engine) -> People:
    """A group with a past, and another one; everybody has reported, privately and as the group."""
    circle, other = await a_circle(app, engine), await a_circle(app, engine)
    found = People(
        circle,
        leader=await circle.person("leader"),
        member=await circle.person(),
        another=await circle.person(),
        former=await circle.person(),
        removed=await circle.person(),
        other_leader=await other.person("leader"),
        stranger=await a_phone(app),
    )
    for name, each in found.everybody.items():
        await each.tell(text=f"Riêng của {name}, {circle.id}.")
        await each.tell(circle.id, text=f"Nhân danh tổ: {name}, {circle.id}.")
    await found.former.ask("DELETE", f"/v1/my/groups/{circle.id}/membership")
    newest = (await found.memberships())[-1]["id"]
    gone = await found.leader.ask("DELETE", f"/v1/my/groups/{circle.id}/members/{newest}")
    assert gone.status_code == 204
    return found
