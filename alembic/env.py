"""Runs the migrations, online only, one transaction each, with short lock timeouts."""

import os

from alembic import context
from geoalchemy2 import alembic_helpers
from sqlalchemy import create_engine, pool, text
from sqlalchemy.dialects.postgresql.base import ischema_names

import api.accounts.tables
import api.clocks.tables
import api.exports.tables
import api.groups.tables
import api.hotspots.tables
import api.live.tables
import api.reports.tables
import api.scorecards.tables
import api.tables
import api.templates.tables
import api.trends.tables
import api.triage.tables
import api.views.tables
import geo.tables
import notifications.tables

ischema_names["xid8"] = notifications.tables.XID8

METADATA = [geo.tables.Base.metadata, notifications.tables.Base.metadata, api.tables.Base.metadata]


def database_url() -> str:
    """The owner's URL: handed over by the program, or from the environment for the tool itself."""
    given = context.config.attributes.get("url") or os.environ.get("TINBAO_DATABASE_URL")
    if not given:
        raise SystemExit("Set TINBAO_DATABASE_URL, or use `tinbao db upgrade`.")
    return str(given)


def run() -> None:
    """Migrate under one advisory lock, so that two starting processes do not collide."""
    engine = create_engine(database_url(), poolclass=pool.NullPool)
    with engine.connect() as connection:
        connection.execute(text("set lock_timeout = '5s'"))
        connection.execute(text("select pg_advisory_lock(7331)"))
        connection.commit()
        context.configure(
            connection=connection,
            target_metadata=METADATA,
            include_object=alembic_helpers.include_object,
            render_item=alembic_helpers.render_item,
            process_revision_directives=alembic_helpers.writer,
            transaction_per_migration=True,
            compare_server_default=True,
        )
        with context.begin_transaction():
            context.run_migrations()
        connection.execute(text("select pg_advisory_unlock(7331)"))
        connection.commit()
    engine.dispose()


run()
