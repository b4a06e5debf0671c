import uuid
from sqlalchemy import text, create_engine
from alembic import command
from alembic.config import Config
from tests.conftest import *
def test_x(postgis):
    name = f"tinbao_test_x_{uuid.uuid4().hex[:8]}"
    with administering(postgis) as c: c.execute(text(f"create database {name}"))
    url = named(postgis, name)
    config = Config(toml_file=ROOT / "pyproject.toml"); config.attributes["url"] = url
    for _ in range(2):
        command.upgrade(config, "head"); command.downgrade(config, "base")
    command.upgrade(config, "head"); command.check(config)
    with administering(postgis) as c: c.execute(text(f"drop database {name} with (force)"))
