"""The examples of docs/webapi.md do what they say, against a real server."""

import hashlib
import hmac
import json
import re
import shutil
import socket
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mox_trio.protocol.webapi import hooks
from tests.kit import localserve
from tests.kit.localserve import LocalServer

DOCUMENT = (Path(__file__).parents[2] / "docs" / "webapi.md").read_text()


def blocks(language: str) -> list[str]:
    """The examples of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", DOCUMENT, re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with localserve.running(tmp_path_factory.mktemp("serving") / "server") as running:
        yield running


@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("jq")), reason="needs curl and jq")
def test_every_example_works_as_it_is_written(server: LocalServer, tmp_path: Path) -> None:
    script = (
        "\n".join(blocks("sh"))
        .replace("127.0.0.1:1080", f"127.0.0.1:{server.base + 80}")
        .replace("/tmp/", f"{tmp_path}/")
    )
    assert script.count("curl") >= 15
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-xc", script], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr + server.log.read_text()[-3000:]
    server.wait_for_subject("Welcome, Bob")
    assert server.subjects().count("order 4711") == 1
    assert "hello" in server.subjects("Sent")


def test_the_signature_is_checked_as_the_example_does() -> None:
    (example,) = blocks("python")
    names: dict[str, Callable[..., bool]] = {}
    exec(example, {"hashlib": hashlib, "hmac": hmac, "time": time}, names)
    check = names["is_from_our_server"]
    now = int(time.time())
    value = hooks.signature(b"key", now, b"{}")
    assert check(b"key", value, b"{}")
    assert not check(b"key", value, b"{ }")
    assert not check(b"other", value, b"{}")
    assert not check(b"key", hooks.signature(b"key", now - 1000, b"{}"), b"{}")


def test_the_api_is_there_over_tls_and_http_2_is_offered(server: LocalServer) -> None:
    context = ssl.create_default_context(cafile=str(server.directory / "localhost.crt"))
    url = f"https://localhost:{server.base + 443}/webapi/v0/openapi.json"
    with urllib.request.urlopen(url, context=context, timeout=60) as answer:
        assert json.load(answer)["openapi"] == "3.1.0"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    context.set_alpn_protocols(["h2", "http/1.1"])
    wire = socket.create_connection(("127.0.0.1", server.base + 443), timeout=60)
    with wire, context.wrap_socket(wire, server_hostname="localhost") as tls:
        assert tls.selected_alpn_protocol() == "h2"
