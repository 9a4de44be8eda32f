"""Mail by SMTP, in and out: `python -m bench.smtp [--seconds S] [--only WORD,WORD]`.

A real server on loopback (disk and SQLite, durable, all checks on, DNS beside it), loaded by processes of their own. CPU
is the server's alone, per message; rates share the machine with the load. Uncached DNS answers are counted by the name
server. Postfix that delivers to Dovecot by LMTP is measured in the same run where both and `../shared/bench` are there.
"""

import argparse
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import dns.message
import dns.query
import dns.rdatatype
import trio
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from dkim import sign  # type: ignore[import-untyped, unused-ignore]

from bench.mailbox import fill, fsync_ms
from bench.smtp_server import PASSWORD, RECIPIENT, Server, command, free_ports, names, prepare, running
from mox_trio.app import build
from mox_trio.config.load import static as static_document
from mox_trio.mailstore import accounts

PEERS: Final = Path(__file__).resolve().parents[2] / "shared" / "bench" / "peers.py"
IDLE: Final = 2000


@dataclass(frozen=True, slots=True)
class Result:
    """What a load found."""

    messages: int
    seconds: float
    p99: float
    cpu: float
    questions: int

    def __str__(self) -> str:
        each = f"{self.messages / self.seconds:.0f}/s, CPU {self.cpu / max(1, self.messages) * 1e3:.2f} ms"
        return f"{each}, p99 {self.p99 * 1000:.0f} ms, {self.questions / max(1, self.messages):.2f} DNS questions each"


def questions(port: int) -> int:
    """How many questions the name server was asked."""
    answer = dns.query.udp(dns.message.make_query("count.bench.", dns.rdatatype.TXT), "127.0.0.1", port=port)
    return int(str(answer.answer[0][0]).strip('"'))


def load(server: Server, port: int, *options: str, seconds: float) -> Result:
    """Run a load against a port of the server."""
    logs_in = "--login" in options
    line = [sys.executable, "-m", "bench.smtp_load", str(port), "--seconds", str(seconds), *options]
    if "--recipient" not in options:
        line += ["--recipient", RECIPIENT]
    asked, cpu = questions(server.dns), server.cpu()
    given = PASSWORD + "\n" if logs_in else ""
    done = subprocess.run(line, input=given, stdout=subprocess.PIPE, check=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    spent = server.cpu() - cpu
    return Result(found["messages"], found["seconds"], found["p99"], spent, questions(server.dns) - asked)


def report(what: str, result: Result, bar: str) -> None:
    """Print a line."""
    print(f"{what}: {result} (bar {bar})", flush=True)


def inbound(server: Server, directory: Path, seconds: float, key: str) -> None:
    """Port 25."""
    warm = partial(load, server, server.smtp, seconds=seconds)
    warm("--keep", seconds=1)
    for connections in (10, 50):
        kept = warm("--connections", str(connections), "--keep")
        report(f"4 KiB, one sender, {connections} connections kept", kept, "500/s, 1.5 ms")
        new = warm("--connections", str(connections))
        report(f"4 KiB, one sender, {connections} connections, one for each message", new, "500/s, 1.5 ms")
    spread = warm("--connections", "10", "--spread")
    report("4 KiB, each from a domain never seen, 10 connections", spread, "500/s, 3 ms")
    signed = directory / "signed.eml"
    signed.write_bytes(signed_message(key))
    found = warm("--connections", "10", "--keep", "--message", str(signed), "--sender", "a@signed.example")
    report("4 KiB with one RSA signature, 10 connections kept", found, "500/s, 2.5 ms")
    large = ("--keep", "--size", str(1024 * 1024))
    report("1 MiB, 10 connections kept", warm("--connections", "10", *large), "60/s")
    before = server.resident()
    warm("--connections", "50", *large)
    each = (server.resident() - before) / 40 / 1024
    print(f"memory for each of 40 sessions more of 1 MiB: {each:.0f} KiB (bar 1024)", flush=True)
    print(f"messages in the mailbox: {server.messages()}", flush=True)


def signed_message(key: str) -> bytes:
    """4 KiB, signed."""
    header = (
        f"From: <a@signed.example>\r\nTo: <{RECIPIENT}>\r\nSubject: signed\r\n"
        "Date: Sun, 22 Nov 2026 10:00:00 +0000\r\nMessage-ID: <signed@signed.example>\r\n\r\n"
    ).encode()
    message = header + b"The quick brown fox jumps over the lazy dog, again and again.\r\n" * 60
    canonical = (b"relaxed", b"relaxed")
    made: bytes = sign(message, b"bench", b"signed.example", key.encode(), canonicalize=canonical)
    return made + message


def key_pair() -> tuple[str, str]:
    """An RSA key of 2,048 bits as PEM, and its record."""
    private = rsa.generate_private_key(65537, 2048)
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    lines = (
        private.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
        .splitlines()
    )
    return pem.decode(), "v=DKIM1; k=rsa; p=" + "".join(lines[1:-1])


def submission(server: Server, directory: Path, seconds: float, key: str) -> None:
    """Port 465 and the way out."""
    mine = ("--login", RECIPIENT, "--sender", RECIPIENT, "--recipient", "someone@far.example")
    run = partial(load, server, server.submissions, *mine, seconds=seconds)
    with sink(server.sink) as seen:
        run(seconds=1)
        report("submission, a new connection each, 10 connections", run("--connections", "10"), "100/s")
        report("submission, connections kept, 10", run("--connections", "10", "--keep"), "400/s")
    # Without the sink messages wait for their second attempt; then all of them are due at once.
    waiting = run("--connections", "10", "--keep").messages
    with sink(server.sink) as seen:
        command(server.config, "queue", "schedule", "--all")
        while not (first := seen()):
            time.sleep(0.01)
        began, cpu = time.perf_counter(), server.cpu()
        while (now := seen()) < waiting and time.perf_counter() - began < 120:
            time.sleep(0.02)
        took = time.perf_counter() - began
    sent = now - first
    each = f"{sent / took:.0f}/s, CPU {(server.cpu() - cpu) / max(sent, 1) * 1e3:.2f} ms"
    print(f"out of the queue, {sent} messages: {each} (bar 250/s)", flush=True)


@contextmanager
def sink(port: int) -> Iterator[Callable[[], int]]:
    """Postfix's smtp-sink, and how many messages it has taken."""
    program = shutil.which("smtp-sink") or "/usr/sbin/smtp-sink"
    with tempfile.TemporaryFile("w+b") as output:
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        with subprocess.Popen(
            [program, *user, "-c", f"127.0.0.1:{port}", "1000"], stdout=output, stderr=output
        ) as process:

            def seen() -> int:
                output.seek(0)
                counts = re.findall(rb"mesg=(\d+)", output.read())
                return int(counts[-1]) if counts else 0

            try:
                yield seen
            finally:
                process.kill()


def idle(server: Server, directory: Path, seconds: float, key: str) -> None:
    """Connections that say nothing, and deliveries beside them."""
    alone = load(server, server.smtp, "--connections", "2", seconds=seconds)
    before = server.resident()
    quiet = []
    try:
        for number in range(IDLE):
            wire = socket.create_connection(("127.0.0.1", server.smtp), source_address=(f"127.9.{number // 200}.1", 0))
            quiet.append(wire)
        for wire in quiet:
            wire.recv(200)
        each = (server.resident() - before) / IDLE / 1024
        beside = load(server, server.smtp, "--connections", "2", seconds=seconds)
        print(f"{IDLE} idle connections: {each:.1f} KiB each (bar 40)", flush=True)
        print(
            f"deliveries beside them: p99 {beside.p99 * 1000:.0f} ms, without {alone.p99 * 1000:.0f} ms (bar 1000)",
            flush=True,
        )
    finally:
        for wire in quiet:
            wire.close()


def full(directory: Path, ports: list[int], seconds: float) -> None:
    """The same load on an Inbox of 500 and of 100,000 messages."""
    for messages in (500, 100_000):
        place = directory / str(messages)
        place.mkdir()
        config = prepare(place, ports)
        trio.run(_fill, config, messages)
        with running(config, ports) as server:
            load(server, server.smtp, "--keep", seconds=1)
            found = load(server, server.smtp, "--connections", "10", "--keep", seconds=seconds)
            report(f"4 KiB, 10 connections kept, into {server.messages()} messages", found, "the same")


async def _fill(config: Path, messages: int) -> None:
    static = await trio.to_thread.run_sync(static_document, config)
    async with build.services(static) as services:
        account = await accounts.open(services.mail, "bench")
        await fill(services.mail, account, "Inbox", messages)


def syncs(config: Path, ports: list[int], directory: Path) -> None:
    """How often the server syncs, counted by strace in a run of its own."""
    if shutil.which("strace") is None:
        print("syncs: strace is not here")
        return
    for connections in (1, 50):
        trace = directory / "syncs"
        wrapped = ("strace", "-f", "-qq", "-e", "trace=fsync,fdatasync", "-e", "signal=none", "-o", str(trace))
        with running(config, ports, wrapped) as server:
            before = _syncs(trace)
            found = load(server, server.smtp, "--connections", str(connections), "--keep", seconds=3)
            count = _syncs(trace) - before
        print(f"syncs a message, {connections} connections: {count / found.messages:.2f}", flush=True)


def _syncs(trace: Path) -> int:
    return sum(1 for line in trace.read_bytes().splitlines() if b"sync(" in line and b"resumed" not in line)


def peer(directory: Path, seconds: float) -> None:
    """Postfix and Dovecot under the same load."""
    if not PEERS.exists() or not shutil.which("dovecot") or not shutil.which("postfix") or os.geteuid() != 0:
        print("Postfix with Dovecot: not here (needs root, both Debian packages and ../shared/bench)")
        return
    base = str(directory / "peer")
    run = partial(subprocess.run, check=True, stdout=subprocess.PIPE)
    target = json.loads(run([sys.executable, str(PEERS), "start", "postfix", "--base", base]).stdout)
    try:
        for connections in (10, 50):
            line = [sys.executable, "-m", "bench.smtp_load", str(target["smtp"]["port"]), "--keep"]
            options = ("--connections", str(connections), "--seconds", str(seconds), "--recipient", "bench@localhost")
            found = json.loads(run([*line, *options]).stdout)
            print(
                f"Postfix accepts from {connections} connections: {found['messages'] / found['seconds']:.0f}/s",
                flush=True,
            )
            inbox = Path(f"{base}-postfix/mail/bench/maildir/new")
            began, first = time.perf_counter(), len(list(inbox.iterdir()))
            while (now := len(list(inbox.iterdir()))) < found["messages"] and time.perf_counter() - began < 120:
                time.sleep(0.2)
            total = found["seconds"] + time.perf_counter() - began
            print(
                f"and delivers to Dovecot: {found['messages'] / total:.0f}/s ({now - first} came after the load)",
                flush=True,
            )
            shutil.rmtree(inbox)
            inbox.mkdir()
            shutil.chown(inbox, "mail", "mail")
    finally:
        run([sys.executable, str(PEERS), "stop", "postfix", "--base", base])


PARTS: Final = {"inbound": inbound, "submission": submission, "idle": idle}


def main() -> None:
    """Parse arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--only", default=",".join((*PARTS, "full", "syncs", "peer")))
    given = parser.parse_args()
    wanted = given.only.split(",")
    pem, record = key_pair()
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as top:
        directory = Path(top)
        directory.chmod(0o755)
        print(f"fsync {fsync_ms(directory):.3f} ms", flush=True)
        ports = free_ports(4)
        config = prepare(directory, ports)
        with names(ports[3], record):
            if any(name in wanted for name in PARTS):
                with running(config, ports) as server:
                    for name in (each for each in PARTS if each in wanted):
                        PARTS[name](server, directory, given.seconds, pem)
            if "full" in wanted:
                full(directory, ports, given.seconds)
            if "syncs" in wanted:
                syncs(config, ports, directory)
        if "peer" in wanted:
            peer(directory, given.seconds)


if __name__ == "__main__":
    main()
