"""The service for those who send much."""

import httpx
import pytest


@pytest.fixture
def client(unlimited: httpx.AsyncClient) -> httpx.AsyncClient:
    """These tests send more than one person may."""
    return unlimited
