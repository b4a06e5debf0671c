"""The commands of the service: serve, worker, database, accounts, demonstration."""

import json
import os
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer
import uvicorn
from rich.console import Console

from api import migrations, worker
from api.accounts.commands import staff_app
from api.app import create_app
from api.areas.commands import stations_app, wards_app
from api.clocks.commands import clocks_app
from api.db import owner_engine
from api.local import demo
from api.local.doctor import examine
from api.reports import receipts
from api.reports.sealing import create_sealing_keys
from api.secrets import create_keys
from api.settings import Settings, SettingsError, load_settings
from api.telemetry import configure_logs, serve_metrics
from geo import outlines

EX_CONFIG = 78

service_app = typer.Typer(add_completion=False)
db_app = typer.Typer(help="The database's schema.", no_args_is_help=True)
demo_app = typer.Typer(help="Demonstration data; refused in production.", no_args_is_help=True)
keys_app = typer.Typer(help="The secret keys outside the database.", no_args_is_help=True)
receipt_app = typer.Typer(help="Signed receipts.", no_args_is_help=True)
unseal_app = typer.Typer(help="The keys that open sealed contacts.", no_args_is_help=True)
for name, sub in {
    "db": db_app,
    "wards": wards_app,
    "stations": stations_app,
    "staff": staff_app,
    "clocks": clocks_app,
    "demo": demo_app,
    "keys": keys_app,
    "receipt": receipt_app,
    "unseal": unseal_app,
}.items():
    service_app.add_typer(sub, name=name)

out = Console(highlight=False, soft_wrap=True)


def refuse(message: str, status: int = 1) -> NoReturn:
    """Say why not, on standard error, and end."""
    typer.echo(f"tinbao: {message}", err=True)
    raise typer.Exit(status)


def checked_settings() -> Settings:
    """The settings, if the mode allows them."""
    settings = load_settings()
    try:
        settings.check_mode(dict(os.environ))
    except SettingsError as error:
        refuse(str(error), EX_CONFIG)
    if settings.mode == "demo":
        create_keys(settings.keys)
    return settings


@service_app.command()
def serve() -> None:
    """Serve the API."""
    settings = checked_settings()
    configure_logs(settings.log_level)
    if settings.processes > 1:
        serve_metrics(settings.metrics_port, processes=settings.processes)
    uvicorn.run(
        "api.app:from_environment",
        factory=True,
        http="api.wire:Protocol",
        ws="none",
        host=settings.host,
        port=settings.port,
        workers=settings.processes,
        forwarded_allow_ips=settings.forwarded_allow_ips,
        access_log=False,
        server_header=False,
        log_config=None,
        timeout_graceful_shutdown=20,
        timeout_worker_healthcheck=30,  # a crowded machine is no dead process
    )


@service_app.command(name="worker")
def run_worker() -> None:
    """Deliver acknowledgements and keep cases with their owners."""
    settings = checked_settings()
    configure_logs(settings.log_level)
    worker.run(settings)


@service_app.command()
def doctor() -> None:
    """Examine this installation and say what needs mending; exit 1 if anything does."""
    findings = examine(load_settings())
    for finding in findings:
        out.print(f"{'ok  ' if finding.good else 'BAD '} {finding.what}")
    if not all(finding.good for finding in findings):
        raise typer.Exit(1)


@service_app.command(name="openapi")
def print_openapi() -> None:
    """Print the OpenAPI document."""
    document = create_app(load_settings()).openapi()
    sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2) + "\n")


@db_app.command("upgrade")
def db_upgrade(revision: Annotated[str, typer.Argument()] = "head") -> None:
    """Migrate the database forward, and draw what maps are made of where it is missing."""
    migrations.upgrade(owner_url(), revision)
    if revision == "head":
        draw_wards()
    out.print(f"The database is at {revision}.")


@db_app.command("downgrade")
def db_downgrade(revision: str) -> None:
    """Migrate the database back; what newer revisions stored is lost."""
    migrations.downgrade(owner_url(), revision)
    out.print(f"The database is at {revision}.")


def draw_wards() -> None:
    """The outlines of wards that an upgrade took, or that were never drawn."""
    if drawn := outlines.draw_all(owner_engine(load_settings())):
        out.print(f"{drawn:,} wards drawn for maps.")


def owner_url() -> str:
    """The owner's database URL, or a readable end."""
    try:
        return load_settings().owner_url
    except SettingsError as error:
        refuse(str(error), EX_CONFIG)


@demo_app.command("load")
def demo_load() -> None:
    """Migrate, then load approximate boundaries and demo accounts; what is there already stays."""
    settings = checked_settings()
    if settings.mode != "demo":
        refuse("demo data is refused in production (TINBAO_MODE=demo allows it)", EX_CONFIG)
    migrations.upgrade(owner_url())
    draw_wards()
    demo.load(settings, say=out.print)


@demo_app.command("clear")
def demo_clear() -> None:
    """Disable the demo accounts and end their sessions."""
    demo.clear(load_settings(), say=out.print)


@keys_app.command("create")
def keys_create() -> None:
    """Make the keys that are missing; existing ones are never replaced."""
    settings = load_settings()
    made = create_keys(settings.keys)
    out.print(f"{'Made keys in' if made else 'Nothing was missing in'} {settings.keys}")


@unseal_app.command("create-keys")
def unseal_create_keys() -> None:
    """Make a sealing key for the nation and each province that has none."""
    settings = load_settings()
    folder = settings.keys / "unsealer"
    made = create_sealing_keys(owner_engine(settings), folder)
    out.print(f"Made {len(made)} sealing keys in {folder}.")
    if made:
        out.print("Whoever reads that folder can read every sealed contact: move it elsewhere.")


@receipt_app.command("verify")
def receipt_verify(
    file: Annotated[Path, typer.Argument(help="The answer to a report, as JSON")],
    key: Annotated[str, typer.Option(help="The public key, base64url (see /v1/config)")],
) -> None:
    """Check a receipt's signature; needs no database."""
    try:
        accepted = json.loads(file.read_text())
        receipts.verify(accepted, key)
    except OSError:
        refuse(f"{file} cannot be read")
    except ValueError as error:
        refuse(str(error) if not isinstance(error, json.JSONDecodeError) else "This is not JSON.")
    out.print(f"Good: accepted {accepted['received_at']} by {accepted['routing']['station']['id']}")
