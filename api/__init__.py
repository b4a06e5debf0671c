"""The service: composes `geo` and `notifications` into the HTTP API, the worker and the CLI."""
