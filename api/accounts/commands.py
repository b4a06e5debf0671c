"""The `tinbao staff` commands."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated

import typer
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session

from api.accounts import staff
from api.accounts.tables import StaffRole
from api.db import owner_engine
from api.secrets import KeysMissing, create_keys, load_keys
from api.settings import Settings, SettingsError, load_settings

staff_app = typer.Typer(help="Accounts of staff.", no_args_is_help=True)

Username = Annotated[str, typer.Option(help="What they sign in with: a-z, 0-9, '.', '_', '-'")]


@contextmanager
def transaction(settings: Settings) -> Iterator[Session]:
    """The owner's transaction; what goes wrong in it ends the command with one sentence."""
    try:
        engine = owner_engine(settings)
        try:
            with Session(engine) as session, session.begin():
                yield session
        finally:
            engine.dispose()
    except (staff.StaffError, SettingsError, KeysMissing) as error:
        message = str(error)
    except IntegrityError:
        message = "There is already such an account."
    except OperationalError:
        message = "The database does not answer."
    else:
        return
    typer.echo(f"tinbao: {message}", err=True)
    raise typer.Exit(1)


@staff_app.command("create")
def create(
    role: Annotated[StaffRole, typer.Option(help="What they may do")],
    username: Username,
    station: Annotated[
        str | None, typer.Option(help="Station or desk of a duty officer or chief")
    ] = None,
    province: Annotated[
        str | None, typer.Option(help="Province of a commander or of oversight")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts")] = False,
) -> None:
    """Make an account. Its password and second factor are shown once and never again."""
    settings = load_settings()
    with transaction(settings) as session:
        settings.check_mode(dict(os.environ))
        if settings.mode == "demo":
            create_keys(settings.keys)
        made = staff.create_staff(
            session,
            load_keys(settings.keys),
            role=role,
            username=username,
            station_id=station,
            province_code=province,
        )
    if as_json:
        typer.echo(json.dumps(asdict(made)))
        return
    typer.echo(f"username        {made.username}")
    typer.echo(f"password        {made.password}")
    typer.echo(f"TOTP secret     {made.totp_secret}")
    typer.echo("recovery codes  " + "\n                ".join(made.recovery_codes))
    typer.echo("Shown once: hand it over in person.")


@staff_app.command("disable")
def disable(username: Username) -> None:
    """Close an account and end its sessions, from the next request on."""
    with transaction(load_settings()) as session:
        name = staff.disable_staff(session, username)
    typer.echo(f"{name} can no longer sign in.")
