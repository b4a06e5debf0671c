"""The audit trail: one row for each act, written in the transaction of the act itself."""

import structlog
from sqlalchemy import Insert, insert

from api.tables import AuditEvent


def audited(
    action: str,
    *,
    actor_kind: str,
    object_kind: str,
    object_id: str,
    actor_id: str | None = None,
    reason: str | None = None,
    scope: str | None = None,
) -> Insert:
    """The statement that writes a row: who did what to which object, never the content.

    It reads nothing back: the services may add to the trail and see none of it.
    """
    return (
        insert(AuditEvent.__table__)  # type: ignore[arg-type]
        .values(
            action=action,
            actor_kind=actor_kind,
            actor_id=actor_id,
            object_kind=object_kind,
            object_id=object_id,
            reason=reason,
            scope=scope,
            request_id=structlog.contextvars.get_contextvars().get("request_id"),
        )
        .inline()
    )
