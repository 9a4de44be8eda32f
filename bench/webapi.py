"""Mail by the HTTP API: `python -m bench.webapi [--seconds S]`.

A real server on loopback (disk and SQLite, durable, signed by RSA-2048), and a load of Send with 4 KiB of text by connections
that are kept, each logged in by Basic. CPU is the server's alone, per message; the rate shares the machine with the load.
"""

import argparse
import base64
import http.client
import json
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.smtp import key_pair
from bench.smtp_server import DOMAIN, PASSWORD, RECIPIENT, Server, free_ports, names, prepare, running

BAR: Final = 250
LINE: Final = "The quick brown fox jumps over the lazy dog, again and again.\n"
LATER: Final = 30 * 86_400
"""Seconds: what is sent waits, so that deliveries are not measured too."""
DKIM: Final = """
[domains."{domain}".dkim]
sign = ["bench"]

[domains."{domain}".dkim.selectors.bench]
private_key = {{ file = "{file}" }}
"""


@dataclass(frozen=True, slots=True)
class Result:
    """What a load found."""

    messages: int
    seconds: float
    p99: float
    cpu: float

    def __str__(self) -> str:
        rate = self.messages / self.seconds
        return f"{rate:.0f}/s, CPU {self.cpu / max(1, self.messages) * 1e3:.2f} ms, p99 {self.p99 * 1000:.0f} ms"


def body(size: int) -> bytes:
    """A request with so much text."""
    when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + LATER))
    text = LINE * (size // len(LINE))
    request = {"To": [{"Address": "someone@far.example"}], "Subject": "measured", "Text": text, "FutureRelease": when}
    return json.dumps(request).encode()


def send(port: int, secret: str, until: float, took: list[float]) -> None:
    """Send on one connection until a time."""
    headers = {"Content-Type": "application/json", "Authorization": secret}
    connection, data = http.client.HTTPConnection("127.0.0.1", port, timeout=60), body(4096)
    while time.monotonic() < until:
        began = time.perf_counter()
        connection.request("POST", "/webapi/v0/Send", data, headers)
        answer = connection.getresponse()
        told = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{answer.status}: {told!r}")
        took.append(time.perf_counter() - began)
    connection.close()


def load(port: int, connections: int, seconds: float) -> None:
    """Be the load: print messages, seconds and the 99th percentile as JSON."""
    secret = "Basic " + base64.b64encode(f"{RECIPIENT}:{PASSWORD}".encode()).decode()
    took: list[float] = []
    began = time.monotonic()
    threads = [threading.Thread(target=send, args=(port, secret, began + seconds, took)) for _ in range(connections)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    p99 = sorted(took)[int(len(took) * 0.99)] if took else 0.0
    print(json.dumps({"messages": len(took), "seconds": time.monotonic() - began, "p99": p99}))


def measured(server: Server, port: int, connections: int, seconds: float) -> Result:
    """Run the load in a process of its own."""
    before = server.cpu()
    line = [sys.executable, "-m", "bench.webapi", "--load", str(port), str(connections), "--seconds", str(seconds)]
    done = subprocess.run(line, stdout=subprocess.PIPE, check=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return Result(found["messages"], found["seconds"], found["p99"], server.cpu() - before)


def configured(directory: Path, ports: list[int], web: int) -> Path:
    """The configuration of the other benches, with the HTTP API and a key that signs."""
    config = prepare(directory, ports)
    text = config.read_text()
    listener = "[listeners.bench]\n"
    config.write_text(text.replace(listener, f"{listener}webapi_http = {{ port = {web} }}\n"))
    private, _ = key_pair()
    key = directory / "dkim.pem"
    key.write_text(private)
    domains = directory / "data" / "domains.toml"
    table = f'[domains."{DOMAIN}"]\n'
    domains.write_text(domains.read_text().replace(table, table + DKIM.format(domain=DOMAIN, file=key)))
    return config


def main() -> None:
    """Measure, or be the load."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--load", nargs=2, type=int, metavar=("PORT", "CONNECTIONS"))
    options = parser.parse_args()
    if options.load:
        load(options.load[0], options.load[1], options.seconds)
        return
    with tempfile.TemporaryDirectory() as name:
        *ports, web = free_ports(5)
        config = configured(Path(name), ports, web)
        with names(ports[3]), running(config, ports) as server:
            measured(server, web, 10, 1.0)
            for connections in (1, 10, 50):
                result = measured(server, web, connections, options.seconds)
                bar = f" (bar {BAR}/s)" if connections == 10 else ""
                print(f"webapi Send of 4 KiB, durable, signed, {connections} connections: {result}{bar}", flush=True)


if __name__ == "__main__":
    main()
