"""The service on a database of each module's own, in a town of two wards."""

from tests.security.conftest import app, engine, issuer, keys, settings, town

__all__ = ["app", "engine", "issuer", "keys", "settings", "town"]
