"""Which station the reader stands at is looked up once in a statement, not for each case it sees."""

from collections.abc import Sequence

from alembic import op

revision: str = "0014"
down_revision: str | None = "0013"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

MINE = "nullif(current_setting('tinbao.station', true), '')"


def seen_by(station: str) -> str:
    """Whose cases an officer sees: the station's own, and those it was informed of."""
    return f"""
        alter policy cases_seen on reports using (
            station_id = {station}
            or exists (select from case_informed i
                       where i.case_id = reports.case_id and i.station_id = {MINE}));
    """


def upgrade() -> None:
    """Go forward."""
    op.execute(seen_by(f"(select {MINE})"))


def downgrade() -> None:
    """Go back."""
    op.execute(seen_by(MINE))
