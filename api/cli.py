"""The `tinbao` command.

`tinbao hotspots` is run by scripts, hundreds of times: it loads neither web nor database, and no
other command loads its statistics.
"""

import gc
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_group

ALONE = {"hotspots": "api.hotspots.commands:hotspots_app"}
"""Commands that need nothing of the service."""

SERVICE = "api.service_commands:service_app"


def load(where: str) -> TyperGroup:
    """The commands of a module."""
    module, name = where.split(":")
    gc.disable()  # what is imported stays: looking for garbage in it is a quarter of the start
    try:
        return get_group(getattr(import_module(module), name))
    finally:
        gc.enable()


class Commands(TyperGroup):
    """Loads what is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Every command's name."""
        return [*load(SERVICE).list_commands(ctx), *ALONE]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of that name, or None."""
        if cmd_name in ALONE:
            return load(ALONE[cmd_name])
        return load(SERVICE).get_command(ctx, cmd_name)


app = typer.Typer(
    cls=Commands,
    help="TinBáo: routes tips to the responsible ward police and brings the acknowledgement back.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.callback()
def tinbao() -> None:
    """See `app`."""
