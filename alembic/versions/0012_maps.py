"""Wards drawn in the steps of each zoom; no index by place of what stands in a queue.

Outlines that were drawn before go: `tinbao db upgrade` draws them anew. Officers find their
station's cases on a map by its number (`ix_reports_map`), and nobody may look across stations.
"""

from collections.abc import Sequence

from alembic import op

revision: str = "0012"
down_revision: str | None = "0011"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

ZOOMS, LEVELS = range(4, 16), range(4, 16, 2)


def columns(names: list[str], srid: int) -> str:
    """Add columns for shapes that are kept as they are."""
    added = ", ".join(f"add column {name} geometry(geometry, {srid})" for name in names)
    stored = ", ".join(f"alter {name} set storage external" for name in names)
    return f"alter table ward_outlines {added}; alter table ward_outlines {stored}"


def dropped(names: list[str]) -> str:
    """Take columns away."""
    return f"alter table ward_outlines {', '.join(f'drop column {name}' for name in names)}"


def upgrade() -> None:
    """Go forward."""
    op.execute("delete from ward_outlines where true")
    op.execute(dropped([f"level_{level}" for level in LEVELS]))
    op.execute(columns([f"zoom_{zoom}" for zoom in ZOOMS], 0))
    op.execute("drop index ix_reports_open_location")


def downgrade() -> None:
    """Go back."""
    op.execute("""
        create index ix_reports_open_location on reports using gist (location)
            where state in ('received', 'acknowledged', 'in_progress', 'need_info')
    """)
    op.execute("delete from ward_outlines where true")
    op.execute(dropped([f"zoom_{zoom}" for zoom in ZOOMS]))
    op.execute(columns([f"level_{level}" for level in LEVELS], 3857))
