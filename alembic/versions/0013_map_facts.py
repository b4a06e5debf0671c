"""What a tile tells of a case is in the index that finds it: no tile reads a page of the table.

No update becomes dearer: other indexes hold these columns too.
"""

from collections.abc import Sequence

from alembic import op

revision: str = "0013"
down_revision: str | None = "0012"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

IS_OPEN = "state in ('received', 'acknowledged', 'in_progress', 'need_info')"


def index_with(facts: str) -> str:
    """The index of a station's open cases by place."""
    return f"""
        drop index ix_reports_map;
        create index ix_reports_map on reports (station_id, quad) include ({facts})
            where {IS_OPEN};
    """


def upgrade() -> None:
    """Go forward."""
    op.execute(index_with("case_id, urgency, state, kind, category, due_at"))


def downgrade() -> None:
    """Go back."""
    op.execute(index_with("case_id, urgency"))
