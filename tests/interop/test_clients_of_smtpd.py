"""Real programs speak to our sessions over real ports: smtplib, swaks, msmtp, Postfix and its smtp-source."""

import os
import shutil
import smtplib
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from ipaddress import ip_address
from pathlib import Path

import pytest
import trio

from mox_trio.mailstore import credentials
from mox_trio.mailstore.credentials import Terms
from mox_trio.protocol.smtp.envelope import Body, Notify, Return
from mox_trio.protocol.smtp.server_events import Kind
from mox_trio.smtpd import session
from mox_trio.smtpd.settings import Settings
from mox_trio.transport.connection import Badge, Connection, Ends
from tests.kit import postfix, wires
from tests.smtpd import talking
from tests.smtpd.talking import ADDRESS, PASSWORD, World

MADE = wires.certificate("localhost")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with talking.world(tmp_path) as opened:
        yield replace(opened, parts=replace(opened.parts, tls=lambda: wires.Fixed(MADE)))


@asynccontextmanager
async def listening(world: World, settings: Settings, *, tls_first: bool = False) -> AsyncIterator[int]:
    """A listener of these settings; its port."""

    async def serve(stream: trio.SocketStream) -> None:
        peer, own = stream.socket.getpeername(), stream.socket.getsockname()
        ends = Ends(ip_address(peer[0]), peer[1], ip_address(own[0]), own[1])
        connection = Connection(stream, ends, Badge("s1", "test", exempt=True))
        if tls_first:
            await connection.start_tls(wires.Fixed(MADE))
        await session.serve(connection, None, settings, world.parts)
        await connection.aclose()

    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(partial(trio.serve_listeners, serve, [listener]))
        yield listener.socket.getsockname()[1]
        nursery.cancel_scope.cancel()


def program(name: str) -> str:
    """Where a program is; the end of the test where it is not."""
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    if found is None:
        if os.environ.get("CI"):
            pytest.fail(f"{name} is not installed")
        pytest.skip(f"{name} is not installed")
    return found


async def run(*command: str, given: bytes = b"") -> str:
    """Run a program to its good end and return what it printed."""
    done = await trio.run_process(
        list(command), stdin=given, capture_stdout=True, stderr=subprocess.STDOUT, check=False
    )
    assert done.returncode == 0, done.stdout.decode(errors="replace")
    return done.stdout.decode(errors="replace")


async def test_smtplib(world: World) -> None:
    def talk(port: int) -> None:
        with smtplib.SMTP("127.0.0.1", port) as client:
            client.ehlo()
            assert client.has_extn("smtputf8")
            refused = client.sendmail(
                "ä@b.example",
                ["ö@example.org"],
                "Subject: ü\r\n\r\n.\r\n..dots\r\n".encode(),
                mail_options=["SMTPUTF8", "BODY=8BITMIME", "RET=HDRS", "ENVID=a+2Bb"],
                rcpt_options=["NOTIFY=SUCCESS,FAILURE"],
            )
            assert refused == {}

    async with listening(world, world.settings) as port:
        await trio.to_thread.run_sync(talk, port)
    (taken,) = world.receiver.taken
    assert taken.content == "Subject: ü\r\n\r\n.\r\n..dots\r\n".encode()
    envelope = taken.envelope
    assert (str(envelope.reverse_path), envelope.smtputf8, envelope.body) == ("<ä@b.example>", True, Body.EIGHT_BIT)
    assert (envelope.ret, envelope.envelope_id) == (Return.HEADERS, "a+b")
    assert envelope.recipients[0].notify == Notify.SUCCESS | Notify.FAILURE


@pytest.mark.parametrize("is_implicit", [False, True])
async def test_smtplib_logs_in_under_tls(world: World, is_implicit: bool) -> None:
    def talk(port: int) -> None:
        context = MADE.client_context()
        context.check_hostname = False
        opened = (
            smtplib.SMTP_SSL("127.0.0.1", port, context=context) if is_implicit else smtplib.SMTP("127.0.0.1", port)
        )
        with opened as client:
            if not is_implicit:
                with pytest.raises(smtplib.SMTPNotSupportedError):
                    client.login(ADDRESS, PASSWORD)
                client.starttls(context=context)
            client.login(ADDRESS, PASSWORD)
            client.sendmail(ADDRESS, ["a@b.example"], b"Subject: x\r\n\r\nhello\r\n")

    async with listening(world, replace(world.submission, tls_required=True), tls_first=is_implicit) as port:
        await trio.to_thread.run_sync(talk, port)
    assert world.receiver.taken[0].client.login == "mia"
    assert world.receiver.taken[0].client.tls is not None


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5"])
async def test_swaks_logs_in(world: World, mechanism: str) -> None:
    made = await credentials.add_app_password(world.logins, world.account, Terms("swaks", credentials.APP_PROTOCOLS))
    swaks = program("swaks")
    async with listening(world, world.submission) as port:
        options = ["--auth", mechanism, "--auth-user", ADDRESS, "--auth-password", made.secret]
        said = await run(
            swaks, "--server", f"127.0.0.1:{port}", "--from", ADDRESS, "--to", "a@b.example", "--tls", *options
        )
    assert "235 2.7.0 welcome" in said
    assert world.receiver.taken[0].client.login == "mia"


async def test_swaks_speaks_lmtp(world: World) -> None:
    swaks = program("swaks")
    async with listening(world, world.of(Kind.LMTP)) as port:
        recipients = "a@example.org,b@example.org"
        await run(swaks, "--protocol", "LMTP", "--server", f"127.0.0.1:{port}", "--from", ADDRESS, "--to", recipients)
    assert len(world.receiver.taken[0].envelope.recipients) == 2


@pytest.mark.parametrize("method", ["plain", "scram-sha-1", "scram-sha-256", "login"])
@pytest.mark.parametrize("version", ["", "-VERS-ALL:+VERS-TLS1.2"])
async def test_msmtp_logs_in(world: World, tmp_path: Path, method: str, version: str) -> None:
    msmtp = program("msmtp")
    certificate, _ = MADE.write(tmp_path)
    priorities = [f"--tls-priorities=NORMAL:{version}"] if version else []
    options = [f"--auth={method}", f"--user={ADDRESS}", f"--passwordeval=echo {PASSWORD}", "--tls=on", *priorities]
    async with listening(world, replace(world.submission, tls_required=True)) as port:
        where = ["--file=/dev/null", "--host=localhost", f"--port={port}", f"--tls-trust-file={certificate}"]
        await run(msmtp, *where, *options, f"--from={ADDRESS}", "a@b.example", given=b"Subject: x\n\nhello\n")
    (taken,) = world.receiver.taken
    assert taken.client.login == "mia"
    assert taken.content.endswith(b"\r\nSubject: x\r\n\r\nhello\r\n")


async def test_smtp_source_floods(world: World) -> None:
    source = program("smtp-source")
    async with listening(world, world.settings) as port:
        await run(source, "-s", "10", "-m", "200", "-l", "4096", "-d", f"127.0.0.1:{port}")
    assert len(world.receiver.taken) == 200


async def test_postfix_delivers(world: World) -> None:
    postfix.needed()
    content = "Subject: grüße\r\n\r\n.\r\nübung\r\n".encode()
    arrived = trio.Event()
    world.receiver.at_the_end = arrived.set
    async with listening(world, world.settings) as port:
        running = postfix.running(["x@mail.example"], routed=f"[127.0.0.1]:{port}")
        server = await trio.to_thread.run_sync(running.__enter__)
        try:
            options = {"mail_options": ["SMTPUTF8", "BODY=8BITMIME", "ENVID=e1"], "rcpt_options": ["NOTIFY=NEVER"]}
            submit = partial(server.submit, "a@b.example", ["ö@example.org"], content, **options)
            await trio.to_thread.run_sync(submit)
            with trio.move_on_after(20) as patience:
                await arrived.wait()
            assert not patience.cancelled_caught, server.log[-3000:]
        finally:
            with trio.CancelScope(shield=True):
                await trio.to_thread.run_sync(running.__exit__, None, None, None)
    (taken,) = world.receiver.taken
    assert taken.content.endswith(b"\r\n\r\n.\r\n\xc3\xbcbung\r\n")
    assert taken.client.tls is not None
    assert taken.client.tls.version == "TLSv1.3"
    assert taken.envelope.smtputf8
    assert taken.envelope.envelope_id == "e1"
    assert taken.envelope.recipients[0].notify is Notify.NEVER
    assert taken.envelope.recipients[0].original == "utf-8;ö@example.org"
