"""The categories in force, kept in memory: every report needs one of them."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from api.i18n import Language
from api.reports import tables


@dataclass(frozen=True)
class Category:
    """What can be reported."""

    code: str
    kinds: list[str]
    name_vi: str
    name_en: str
    urgency: int
    emergency_call: str | None
    sensitive: bool
    questions: list[dict[str, Any]]

    def name(self, language: Language) -> str:
        """Its name for people."""
        return self.name_vi if language == "vi" else self.name_en


def load_categories(connection: Connection) -> dict[str, Category]:
    """All categories by code, in their order."""
    table = tables.Category
    rows = connection.execute(
        select(
            table.code,
            table.kinds,
            table.name_vi,
            table.name_en,
            table.urgency,
            table.emergency_call,
            table.sensitive,
            table.questions,
        ).order_by(table.position, table.code)
    )
    return {row.code: Category(*row) for row in rows}
