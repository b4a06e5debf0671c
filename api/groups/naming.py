"""What a report filed as a group says of the group, to officers and to its reporter."""

import uuid
from typing import Any

from pydantic import BaseModel
from sqlalchemy import ColumnElement, Row, case, select

from api.groups.tables import Group
from api.reports.tables import Report


class GroupNameOut(BaseModel):
    """The group that a report was filed as."""

    id: uuid.UUID
    name: str


def group_name() -> ColumnElement[str | None]:
    """The name of the group a report was filed as; nothing is looked up for other reports."""
    name = select(Group.name).where(Group.id == Report.group_id).scalar_subquery()
    return case((Report.group_id.is_not(None), name)).label("group_name")


def group_of(row: Row[Any]) -> GroupNameOut | None:
    """The group of a row that has `group_id` and `group_name`."""
    return row.group_id and GroupNameOut(id=row.group_id, name=row.group_name)
