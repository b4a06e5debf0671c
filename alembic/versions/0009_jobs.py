"""The tables of background jobs and schedules: procrastinate's own, in a schema of their own."""

from collections.abc import Sequence

from alembic import op
from procrastinate.schema import SchemaManager

revision: str = "0009"
down_revision: str | None = "0008"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

GRANTS = """
grant usage on schema jobs to tinbao_worker;
grant select, insert, update, delete on all tables in schema jobs to tinbao_worker;
grant usage on all sequences in schema jobs to tinbao_worker;
"""


def upgrade() -> None:
    """Go forward. The package's statements name no schema, so the search path says which."""
    op.execute("create schema jobs")
    op.execute("set local search_path = jobs")
    op.get_bind().connection.cursor().execute(SchemaManager.get_schema())
    op.execute("set local search_path to default")
    op.execute(GRANTS)


def downgrade() -> None:
    """Go back."""
    op.execute("drop schema jobs cascade")
