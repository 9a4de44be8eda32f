"""The server keeps what its OpenAPI document promises, whatever is asked: schemathesis draws requests, good ones and bad ones."""

import json
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis import checks

from tests.kit import localserve
from tests.kit.localserve import LocalServer
from webui.webapi import openapi

SCHEMA = schemathesis.openapi.from_dict(json.loads(openapi.text()))
EXAMPLES = 12
"""Requests of each method."""
CHECKS = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
]
"""Requests that the document allows may be refused all the same: a message without recipients has the form of a message."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with localserve.running(tmp_path_factory.mktemp("promising") / "server") as running:
        yield running


@SCHEMA.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    database=None,
    phases=[Phase.generate],
)
def test_answers_are_as_promised(case: Any, server: LocalServer) -> None:
    url = f"http://127.0.0.1:{server.base + 80}/webapi/v0"
    chosen = CHECKS
    if str(case.media_type).startswith("multipart/"):  # what is wrong may be lost in the form: it has no null
        chosen = [each for each in CHECKS if each is not checks.negative_data_rejection]
    case.call_and_validate(base_url=url, auth=("mox@localhost", "moxmoxmox"), timeout=60, checks=chosen)
