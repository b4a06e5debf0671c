"""Response templates."""

import datetime as dt
import uuid
from typing import Any

from api.templates.tables import ResponseTemplate
from tests.factories import keep
from tests.security.people import CASE_STAFF, CHIEFS, OTHER_STAFF, OVERSIGHT, STAFF, Row, expect


def template_of(world: Any) -> str:
    """A template of the own station."""
    made = ResponseTemplate(
        id=uuid.uuid4(),
        station_id=world.stations["own"],
        step="message",
        language="vi",
        title="Cảm ơn",
        text="{station} cảm ơn.",
        changed_at=dt.datetime.now(dt.UTC),
    )
    return str(keep(world.engine, made).id)


EDITORS = (*CHIEFS, *OVERSIGHT, "admin")


def own(done: int) -> Row:
    """What the own station's chief alone may change."""
    return expect((STAFF, 403), (EDITORS, 404), (("own chief",), done), otherwise=401)


ROWS: dict[str, Row] = {
    "list_templates": expect((STAFF, 403), (CASE_STAFF, 200), (("admin",), 200), otherwise=401),
    "create_template": expect((STAFF, 403), (EDITORS, 201), otherwise=401),
    "replace_template": own(200),
    "delete_template": own(204),
    "render_template": expect(
        (STAFF, 404), (OTHER_STAFF, 403), (("own officer", "own chief"), 200), otherwise=401
    ),
}

COMPLAINTS: dict[str, Row] = {
    "render_template": expect((STAFF, 404), (OTHER_STAFF, 403), otherwise=401),
}

GOOD = {"step": "message", "language": "vi", "title": "Cảm ơn", "text": "Xin cảm ơn."}
BODIES = {"create_template": GOOD, "replace_template": GOOD}

PATHS = {"template_id": template_of}
