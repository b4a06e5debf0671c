"""The API: middleware, routers, problem documents, and what each process keeps open."""

import gc
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from importlib import import_module
from threading import Thread

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig

from api import health, openapi, problems
from api.accounts import device_routes, self_routes, session_routes, staff_routes
from api.accounts.identity import firebase_app
from api.areas import routes as area_routes
from api.clock import now
from api.clocks import routes as clock_routes
from api.db import lane_connection, reference_engine, service_engine
from api.exports import routes as export_routes
from api.express import Express
from api.groups import my_routes as my_group_routes
from api.groups import routes as group_routes
from api.guards import Guard
from api.hot_paths import hot_paths
from api.hotspots import routes as hotspot_routes
from api.live import routes as live_routes
from api.live.hub import Hub
from api.maps import routes as map_routes
from api.maps.drawing import CaseTiles
from api.maps.wards import WardTiles
from api.reports import my_act_routes, my_routes
from api.reports import routes as report_routes
from api.reports.reference import Refresher
from api.scorecards import routes as scorecard_routes
from api.secrets import load_keys
from api.settings import Settings, load_settings
from api.telemetry import configure_logs, serve_metrics
from api.templates import routes as template_routes
from api.trends import routes as trend_routes
from api.triage import desk_routes, dialogue_routes, queue_routes, step_routes, suggestion_routes
from api.triage import routes as triage_routes
from api.views import routes as view_routes
from geo.atlas import Atlases
from notifications.registrations import TokenSealer
from notifications.wakeups import Waker

STATEMENTS = 2.5
"""A request ends within the time of this many slow statements, whatever it still waits for."""

GARBAGE = (10_000, 10, 10)
"""How seldom the garbage collector looks, which would find requests under way again and again."""

STATISTICS = ("api.hotspots.keeping", "api.trends.reading")
"""Takes longer to import than its answers take to make, and only commanders need it."""

# Traces would carry URLs and exception texts to wherever the environment says.
NO_TRACES: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False}


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open what a process needs; the database may come later."""
    settings: Settings = app.state.settings
    keys = app.state.keys = load_keys(settings.keys)
    app.state.token_sealer = TokenSealer(X25519PublicKey.from_public_bytes(keys.push_public))
    app.state.firebase = firebase_app(settings)
    app.state.engine = service_engine(settings)
    ward_tiles = app.state.ward_tiles = WardTiles(settings)
    ward_tiles.open()
    waker = app.state.waker = Waker(partial(lane_connection, settings))
    waker.open()
    hot = app.state.hot = hot_paths(settings, keys, waker)
    hot.open()
    hub = app.state.hub = Hub(
        partial(lane_connection, settings), session_idle=settings.session_idle
    )
    hub.open()
    case_tiles = app.state.case_tiles = CaseTiles(settings, hub)
    case_tiles.open()
    reading = reference_engine(settings)
    app.state.atlases = Atlases(reading, now, settings.indexes)
    refresher = app.state.refresher = Refresher(
        reading,
        app.state.atlases,
        keys.fingerprint,
        production=settings.mode == "production",
    )
    refresher.start()
    Thread(target=load_statistics, name="statistics", daemon=True).start()
    try:
        yield
    finally:
        refresher.stop()
        reading.dispose()
        await hub.close()
        await hot.close()
        await case_tiles.close()
        await ward_tiles.close()
        await waker.close()
        await app.state.engine.dispose()


def load_statistics() -> None:
    """Import them while requests are answered: the first commander need not wait for it."""
    for module in STATISTICS:
        import_module(module)


def create_app(settings: Settings) -> FastAPI:
    """The service as an ASGI app."""
    settings.check_mode(dict(os.environ))
    app = FastAPI(
        title="TinBáo",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=lambda route: route.name,
        telemetry=NO_TRACES,
    )
    app.state.settings = settings
    problems.install(app)
    submissions = report_routes.serve_submissions(app)
    for router in (
        # The two that are asked for most: routes are tried one after another.
        report_routes.router,
        map_routes.router,
        my_routes.router,
        my_act_routes.router,
        device_routes.router,
        area_routes.router,
        session_routes.router,
        queue_routes.router,
        view_routes.router,
        triage_routes.router,
        step_routes.router,
        dialogue_routes.router,
        suggestion_routes.router,
        template_routes.router,
        live_routes.router,
        clock_routes.router,
        trend_routes.router,
        hotspot_routes.router,
        desk_routes.router,
        export_routes.router,
        scorecard_routes.router,
        health.router,
        group_routes.router,
        my_group_routes.router,
        self_routes.router,
        # Last, because any word may be a username: what else begins with /v1/staff/ comes first.
        staff_routes.router,
    ):
        app.include_router(router)
    app.openapi = lambda: openapi.describe(app)  # type: ignore[method-assign]
    app.middleware_stack = Guard(
        Express(map_routes.repeated_tiles(app.build_middleware_stack()), submissions),
        body_seconds=settings.body_timeout.total_seconds(),
        answer_seconds=STATEMENTS * settings.statement_timeout.total_seconds(),
    )
    return app


def from_environment() -> FastAPI:
    """What each server process runs."""
    settings = load_settings()
    configure_logs(settings.log_level)
    gc.set_threshold(*GARBAGE)
    if settings.processes == 1:
        serve_metrics(settings.metrics_port)
    return create_app(settings)
