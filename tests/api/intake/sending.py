"""Sending one report."""

import uuid
from typing import Any

import httpx

from api.local.client import uuid7


async def send(
    client: httpx.AsyncClient,
    body: dict[str, Any],
    report_id: uuid.UUID | None = None,
    headers: dict[str, str] | None = None,
) -> httpx.Response:
    """One report."""
    return await client.put(f"/v1/reports/{report_id or uuid7()}", json=body, headers=headers)
