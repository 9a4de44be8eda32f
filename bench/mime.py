"""CPU of the MIME parser, the best of several runs, and its memory: `python -m bench.mime`."""

import base64
import time
import tracemalloc
from collections.abc import Callable
from functools import partial

from mox_trio.protocol.mime import bodystructure, envelope, parser, structure_codec, transfer
from mox_trio.protocol.mime.part import Part

_CHUNK = 64 * 1024
_HEADER = b"".join(
    [
        b"Return-Path: <sender@example.org>\r\n",
        *(
            b"Received: from host%d.example.org ([192.0.2.%d])\r\n\tby mx.example.com; 1 Jan 2024\r\n" % (n, n)
            for n in range(6)
        ),
        b"DKIM-Signature: v=1; a=rsa-sha256; d=example.org;\r\n\tb=" + b"A" * 340 + b"\r\n",
        b"From: Somebody <sender@example.org>\r\nTo: <rcpt@example.com>\r\nSubject: =?utf-8?q?a_m=C3=A4il?=\r\n",
        b"Date: Mon, 1 Jan 2024 10:00:00 +0000\r\nMessage-ID: <1@example.org>\r\nMIME-Version: 1.0\r\n",
        *(b"X-Header-%d: what programs add to mail on its way\r\n" % n for n in range(8)),
    ]
)


def mail(size: int) -> bytes:
    """A text in two forms and, where there is room, an attachment in base64; `size` octets or a little more."""
    text = b"One line of a text that is as long as such lines are.\r\n" * 12
    head = [
        _HEADER,
        b"Content-Type: multipart/mixed; boundary=outer\r\n\r\n--outer\r\n",
        b"Content-Type: multipart/alternative; boundary=inner\r\n\r\n--inner\r\n",
        b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n",
        text,
        b"\r\n--inner\r\nContent-Type: text/html; charset=utf-8\r\n\r\n",
        text,
        b"\r\n--inner--\r\n--outer\r\nContent-Type: application/pdf; name=a.pdf\r\n",
        b"Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=a.pdf\r\n\r\n",
    ]
    room = max(0, size - sum(map(len, head)) - 14)
    return b"".join([*head, base64.encodebytes(bytes(room * 57 // 78)).replace(b"\n", b"\r\n"), b"\r\n--outer--\r\n"])


def plain(size: int) -> bytes:
    """One part, a text of `size` octets."""
    line = b"One line of a text that is as long as such lines are.\r\n"
    return _HEADER + b"\r\n" + line * ((size - len(_HEADER)) // len(line))


def best(work: Callable[[], object], runs: int) -> float:
    """Seconds of CPU that the fastest of `runs` took."""
    fastest = float("inf")
    for _ in range(runs):
        start = time.process_time()
        work()
        fastest = min(fastest, time.process_time() - start)
    return fastest


def streamed(message: bytes, chunk: int = _CHUNK) -> Part:
    structure = parser.Parser()
    for start in range(0, len(message), chunk):
        structure.feed(message[start : start + chunk])
    return structure.close()


def extra_memory(message: bytes) -> int:
    """Octets that parsing needs at its peak beyond the message."""
    tracemalloc.start()
    streamed(message)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def main() -> None:
    for name, message, runs in [
        ("3 KiB in 3 parts", mail(3 << 10), 2000),
        ("3 KiB of text", plain(3 << 10), 2000),
        ("100 KiB in 3 parts", mail(100 << 10), 500),
        ("10 MiB in 3 parts", mail(10 << 20), 5),
        ("10 MiB of text", plain(10 << 20), 5),
    ]:
        cpu = best(partial(streamed, message), runs)
        print(f"parse {name:20} {len(message):9} octets {cpu * 1e6:10.1f} us {extra_memory(message) / 1024:8.0f} KiB")
    _steps(parser.parse(mail(3 << 10)))
    _hostile()


def _steps(root: Part) -> None:
    dumped = structure_codec.dump(root)
    body = base64.encodebytes(bytes(1 << 20)).replace(b"\n", b"\r\n")
    for name, work in [
        ("BODYSTRUCTURE, 3 parts", lambda: bodystructure.render(root, extended=True, envelope=envelope.render)),
        ("ENVELOPE", lambda: envelope.render(root.header)),
        ("tree to bytes", lambda: structure_codec.dump(root)),
        ("tree from bytes", lambda: structure_codec.load(dumped)),
        ("1 MiB from base64", lambda: transfer.decoder("base64").feed(body)),
    ]:
        print(f"{name:26} {best(work, 50) * 1e6:10.1f} us")


def _hostile() -> None:
    nested = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(10_000))
    for name, message in [
        ("10,000 nested multiparts", nested),
        ("1,000,000 header fields", b"a: b\r\n" * 1_000_000 + b"\r\n"),
        ("1,000,000 delimiters", b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n" * 1_000_000),
        ("1,000,000 lines of dashes", b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--\r\n" * 1_000_000),
        ("100 KiB, an octet at a time", mail(100 << 10)),
    ]:
        chunk = 1 if "octet" in name else _CHUNK
        print(f"{name:28} {best(partial(streamed, message, chunk), 1) * 1e3:10.1f} ms")


if __name__ == "__main__":
    main()
