"""Migrating the database from within the program, wherever it is installed."""

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

PACKAGED = Path(__file__).parent / "_migrations"
CHECKOUT = Path(__file__).resolve().parent.parent / "alembic"


def config(url: str | None = None) -> Config:
    """Alembic's configuration for the scripts that came with this code."""
    made = Config()
    made.set_main_option("script_location", str(PACKAGED if PACKAGED.exists() else CHECKOUT))
    made.attributes["url"] = url
    return made


@cache
def latest_revision() -> str | None:
    """The revision this code expects."""
    return ScriptDirectory.from_config(config()).get_current_head()


def upgrade(url: str, revision: str = "head") -> None:
    """Go forward to a revision."""
    command.upgrade(config(url), revision)


def downgrade(url: str, revision: str) -> None:
    """Go back to a revision."""
    command.downgrade(config(url), revision)
