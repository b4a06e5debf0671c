"""The `tinbao staff` commands."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated, Any

import typer
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session

from api.accounts import administration as rules
from api.accounts.staff import OPERATOR, StaffError, create_staff, new_password
from api.accounts.staff_schemas import StaffMemberOut
from api.accounts.tables import Staff, StaffRole
from api.clock import local, now
from api.db import owner_engine
from api.secrets import Keys, KeysMissing, create_keys, load_keys
from api.settings import Settings, SettingsError, load_settings

staff_app = typer.Typer(help="Accounts of staff.", no_args_is_help=True)

Username = Annotated[str, typer.Option(help="What they sign in with: a-z, 0-9, '.', '_', '-'")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts")]
PAGE = 500


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
    except (StaffError, SettingsError, KeysMissing) as error:
        message = str(error)
    except IntegrityError:
        message = "There is already such an account."
    except OperationalError:
        message = "The database does not answer."
    else:
        return
    typer.echo(f"tinbao: {message}", err=True)
    raise typer.Exit(1)


def keys_of(settings: Settings) -> Keys:
    """The keys that seal second factors; a demo makes what is missing."""
    settings.check_mode(dict(os.environ))
    if settings.mode == "demo":
        create_keys(settings.keys)
    return load_keys(settings.keys)


def show(facts: dict[str, Any], *, as_json: bool) -> None:
    """Facts for a script on one line, or for a person in columns."""
    if as_json:
        typer.echo(json.dumps(facts, ensure_ascii=False))
        return
    width = max(len(name) for name in facts) + 2
    for name, value in facts.items():
        lines = value if isinstance(value, list) else [value]
        typer.echo(name.ljust(width) + f"\n{'':{width}}".join(str(line) for line in lines))
    typer.echo("Shown once: hand it over in person.")


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
    as_json: Json = False,
) -> None:
    """Make an account. Its password and second factor are shown once and never again."""
    settings = load_settings()
    with transaction(settings) as session:
        made = create_staff(
            session,
            keys_of(settings),
            role=role,
            username=username,
            station_id=station,
            province_code=province,
        )
    if as_json:
        show(asdict(made), as_json=True)
        return
    show(
        {
            "username": made.username,
            "password": made.password,
            "TOTP secret": made.totp_secret,
            "recovery codes": made.recovery_codes,
        },
        as_json=False,
    )


@staff_app.command("list")
def list_accounts(
    role: Annotated[StaffRole | None, typer.Option(help="Only this role")] = None,
    station: Annotated[str | None, typer.Option(help="Only of this station")] = None,
    province: Annotated[str | None, typer.Option(help="Only of this province")] = None,
    disabled: Annotated[
        bool | None, typer.Option(help="Only closed accounts, or only open ones")
    ] = None,
    as_json: Json = False,
) -> None:
    """Accounts by name, one a line."""
    wanted = rules.StaffFilter(role, station, province, disabled)
    after = None
    with transaction(load_settings()) as session:
        while page := rules.list_staff(session, wanted, after=after, limit=PAGE):
            for staff in page:
                typer.echo(json_line(staff) if as_json else line(staff))
            after = page[-1].username


def json_line(staff: Staff) -> str:
    """An account as the API shows it."""
    return StaffMemberOut.model_validate(staff).model_dump_json()


def line(staff: Staff) -> str:
    """An account for a person."""
    closed = f"  closed {local(staff.disabled_at)}" if staff.disabled_at else ""
    return f"{staff.username:32}  {rules.described(staff)}{closed}"


@staff_app.command("move")
def move(
    username: Username,
    role: Annotated[StaffRole | None, typer.Option(help="What they may do from now on")] = None,
    station: Annotated[str | None, typer.Option(help="Where they work from now on")] = None,
    province: Annotated[str | None, typer.Option(help="Their province from now on")] = None,
) -> None:
    """Give an account another role or place; it holds from its next request on."""
    with transaction(load_settings()) as session:
        staff = rules.move_staff(
            session,
            username,
            role=role,
            station_id=station,
            province_code=province,
            by=OPERATOR,
        )
        told = f"{staff.username} is {rules.described(staff)}."
    typer.echo(told)


@staff_app.command("disable")
def disable(username: Username) -> None:
    """Close an account and end its sessions, from the next request on."""
    with transaction(load_settings()) as session:
        name = rules.disable_staff(session, username, by=OPERATOR).username
    typer.echo(f"{name} can no longer sign in.")


@staff_app.command("enable")
def enable(username: Username) -> None:
    """Open a closed account again, as it was."""
    with transaction(load_settings()) as session:
        name = rules.enable_staff(session, username, by=OPERATOR).username
    typer.echo(f"{name} can sign in again.")


@staff_app.command("password")
def password(username: Username, as_json: Json = False) -> None:
    """Give an account another password, shown once, and end its sessions."""
    made = new_password()
    with transaction(load_settings()) as session:
        name = rules.renew_password(session, username, made, by=OPERATOR)
    show({"username": name, "password": made.password}, as_json=as_json)


@staff_app.command("totp")
def totp(username: Username, as_json: Json = False) -> None:
    """Give an account another second factor, shown once, and end its sessions."""
    settings = load_settings()
    with transaction(settings) as session:
        staff, _ = rules.lock_staff(session, username)
        secret = rules.renew_totp(session, keys_of(settings), staff, by=OPERATOR)
        name = staff.username
    uri = rules.otpauth_uri(name, secret)
    show({"username": name, "totp_secret": secret, "otpauth_uri": uri}, as_json=as_json)


@staff_app.command("recovery-codes")
def recovery_codes(username: Username, as_json: Json = False) -> None:
    """Give an account other recovery codes, shown once; the old ones end."""
    with transaction(load_settings()) as session:
        staff, _ = rules.lock_staff(session, username)
        codes = rules.renew_recovery_codes(session, staff, by=OPERATOR)
        name = staff.username
    show({"username": name, "recovery_codes": codes}, as_json=as_json)


@staff_app.command("unlock")
def unlock(username: Username) -> None:
    """Forget the wrong codes that have shut an account's second factor."""
    settings = load_settings()
    with transaction(settings) as session:
        keys = keys_of(settings)
        factor = settings.limits.factor
        staff, _ = rules.lock_staff(session, username)
        until = rules.locked_until(session, keys, staff, factor=factor, now=now())
        name = rules.unlock_staff(session, keys, username, by=OPERATOR).username
    was = "was open already" if until is None else f"was shut until {local(until)}"
    typer.echo(f"{name} can try again: the second factor {was}.")
