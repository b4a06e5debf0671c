"""The OpenAPI document: valid, complete, and kind to client generators."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from api.app import create_app
from api.problems import PROBLEM_JSON
from api.settings import Settings

PUBLIC = {
    "create_device",
    "create_session",
    "describe_ward_tiles",
    "list_categories",
    "list_group_types",
    "locate",
    "locate_many",
    "open_receipt",
    "read_config",
    "read_health",
    "read_public_summary",
    "read_readiness",
    "read_scorecard_definitions",
    "read_station",
    "read_ward",
    "read_ward_tile",
}
"""Operations without any credentials."""

OPTIONAL = {"submit_report", "submit_reports"}
"""Operations that nobody in particular may call too: an anonymous report has no token."""

Operation = dict[str, Any]


def made() -> dict[str, Any]:
    settings = Settings(mode="demo", database_url="postgresql://nobody@127.0.0.1/none")
    return create_app(settings).openapi()


DOCUMENT = made()
OPERATIONS: dict[str, Operation] = {
    operation["operationId"]: operation | {"method": method, "path": path}
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
}
every_operation = pytest.mark.parametrize("name", OPERATIONS)


def problem_answers(operation: Operation) -> Iterator[tuple[str, Any]]:
    for status, answer in operation["responses"].items():
        if int(status) >= 400:
            yield status, answer


def test_the_document_validates() -> None:
    assert DOCUMENT["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(DOCUMENT).validate()


def test_operation_ids_are_unique() -> None:
    ids = Counter(
        operation["operationId"]
        for operations in DOCUMENT["paths"].values()
        for operation in operations.values()
    )

    assert [name for name, times in ids.items() if times > 1] == []


def test_it_is_the_same_document_every_time() -> None:
    assert made() == DOCUMENT


@every_operation
def test_every_operation_says_who_may_call_it(name: str) -> None:
    security = OPERATIONS[name].get("security", [])

    if name in PUBLIC:
        assert security == []
    else:
        assert any(security)
        assert ({} in security) == (name in OPTIONAL)


def test_the_lists_of_public_operations_hold_nothing_else() -> None:
    assert OPERATIONS.keys() >= PUBLIC | OPTIONAL


@every_operation
def test_every_error_is_documented_as_a_problem_document(name: str) -> None:
    answers = dict(problem_answers(OPERATIONS[name]))

    assert answers.keys() >= {"400", "405", "408", "413", "415", "500", "503"}
    for status, answer in answers.items():
        assert answer["description"], status
        assert answer["content"] == {
            PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}
        }, status


@every_operation
def test_who_must_sign_in_is_told_of_401(name: str) -> None:
    if OPERATIONS[name].get("security"):
        assert "401" in OPERATIONS[name]["responses"]


@every_operation
def test_what_is_read_of_a_request_may_be_invalid(name: str) -> None:
    operation = OPERATIONS[name]
    if operation.get("requestBody") or operation.get("parameters"):
        assert "422" in operation["responses"]


@every_operation
def test_success_is_described_and_has_a_schema(name: str) -> None:
    operation = OPERATIONS[name]
    good = {status: each for status, each in operation["responses"].items() if status[0] == "2"}

    assert good
    assert operation["summary"]
    assert operation["description"]
    for status, answer in good.items():
        kinds = answer.get("content", {})
        assert all(each.get("schema") for each in kinds.values()), status
        assert bool(kinds) == (status != "204"), status


def test_bodies_of_requests_forbid_unknown_fields() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    written = {
        operation["requestBody"]["content"]["application/json"]["schema"].get("$ref", "")
        for operation in OPERATIONS.values()
        if "requestBody" in operation
    } - {""}

    assert written
    for reference in written:
        assert schemas[reference.rpartition("/")[2]]["additionalProperties"] is False


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for each in node.values():
            yield from references(each)
    elif isinstance(node, list):
        for each in node:
            yield from references(each)


def test_every_reference_leads_somewhere_and_every_schema_is_used() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    used = {each.removeprefix("#/components/schemas/") for each in references(DOCUMENT)}

    assert used == schemas.keys()


def test_no_place_code_or_token_is_in_a_url() -> None:
    names = {
        parameter["name"]
        for operation in OPERATIONS.values()
        for parameter in operation.get("parameters", [])
        if parameter["in"] in ("query", "path")
    }

    assert names.isdisjoint({"lon", "lat", "place", "receipt", "token", "phone", "text"})


REPEATED = {
    "read_hotspots",
    "read_hotspot_tile",
    "describe_case_tiles",
    "describe_hotspot_tiles",
    "describe_ward_tiles",
    "list_categories",
    "list_group_reports",
    "list_my_groups",
    "list_my_reports",
    "list_outcome_reasons",
    "read_case",
    "read_case_tile",
    "read_config",
    "read_my_report",
    "read_public_summary",
    "read_queue",
    "read_scorecard_definitions",
    "read_station",
    "read_trends",
    "read_ward",
    "read_ward_tile",
}
"""Reads that repeat: their answers are tagged."""


@every_operation
def test_reads_that_repeat_say_how_to_ask_whether_anything_changed(name: str) -> None:
    operation = OPERATIONS[name]
    asked = {each["name"].lower() for each in operation.get("parameters", [])}
    answers = operation["responses"]

    assert ("if-none-match" in asked) == ("304" in answers) == (name in REPEATED)
    if name in REPEATED:
        assert "ETag" in answers["200"]["headers"]
        assert answers["200"]["description"]
        assert answers["304"].keys() == {"description", "headers"}
