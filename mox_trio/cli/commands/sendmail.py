"""mox-trio sendmail: what programs call to send mail; also under the name `sendmail` itself.

Exit codes are those of sysexits: 0 when the server has the message, 64 for arguments, 65 for what cannot be a message, 67 for
recipients that it refuses, 69 for what it refuses for good, 75 for what may work later, 77 for a log-in that it refuses, 78 for
settings.
"""

import os
import smtplib
import ssl
import sys
from typing import Final, NoReturn

import click

from mox_trio.cli import sendmail_message, sendmail_settings
from mox_trio.cli.sendmail_message import Message
from mox_trio.cli.sendmail_settings import Settings

PATIENCE: Final = 120.0
"""Seconds for each step."""


@click.command(
    context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]},
    help="Read a message from standard input and submit it, called as any sendmail is: -t takes recipients from the header, -f "
    "is the sender, -i lets a dot be a line. Where it goes is in /etc/mox-trio/sendmail.toml or the file that MOX_TRIO_SENDMAIL "
    "names.",
)
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def command(words: tuple[str, ...]) -> None:
    try:
        arguments = sendmail_message.parse(words)
        settings = sendmail_settings.read(sendmail_settings.file())
    except sendmail_message.Usage as error:
        _fail(os.EX_USAGE, str(error))
    except sendmail_settings.WrongSettings as error:
        _fail(os.EX_CONFIG, str(error))
    data = sys.stdin.buffer.read(sendmail_message.LARGEST + 1)
    if len(data) > sendmail_message.LARGEST:
        _fail(os.EX_DATAERR, "the message is too large")
    if arguments.dot_ends:
        data = sendmail_message.until_dot(data)
    sender = arguments.sender if arguments.sender and "@" in arguments.sender else settings.sender
    if arguments.sender in ("<>", ""):
        sender = ""
    message = sendmail_message.compose(data, arguments, sender or settings.sender)
    recipients = tuple(_whole(each, settings) for each in message.recipients)
    if not recipients:
        _fail(os.EX_USAGE, "there is no recipient; name one, or give -t for those of the header")
    _submit(settings, sender, Message(message.content, recipients))


def _whole(recipient: str, settings: Settings) -> str:
    """A recipient without a domain is a user of this machine: somebody who reads it, or the same name at our domain."""
    bare = recipient.strip("<>")
    if "@" in bare:
        return bare
    return settings.default_destination or f"{bare}@{settings.sender.rpartition('@')[2]}"


def _submit(settings: Settings, sender: str, message: Message) -> None:
    try:
        with _connected(settings) as client:
            if settings.user:
                client.login(settings.user, settings.password)
            utf8 = not all(each.isascii() for each in (sender, *message.recipients))
            options = ["SMTPUTF8"] if utf8 and client.has_extn("smtputf8") else []
            options += ["BODY=8BITMIME"] if not message.content.isascii() and client.has_extn("8bitmime") else []
            refused = client.sendmail(sender, message.recipients, message.content, options)
    except smtplib.SMTPAuthenticationError as error:
        _fail(os.EX_TEMPFAIL if error.smtp_code < 500 else os.EX_NOPERM, _said(error.smtp_code, error.smtp_error))
    except smtplib.SMTPRecipientsRefused as error:
        _refused(error.recipients)
    except smtplib.SMTPResponseException as error:
        code = os.EX_TEMPFAIL if error.smtp_code < 500 else os.EX_UNAVAILABLE
        _fail(code, _said(error.smtp_code, error.smtp_error))
    except ssl.SSLCertVerificationError as error:
        said = f"{settings.host} has no certificate that can be trusted ({error.verify_message}); see ca_file"
        _fail(os.EX_UNAVAILABLE, said)
    except (OSError, smtplib.SMTPException) as error:
        _fail(os.EX_TEMPFAIL, f"{settings.host} port {settings.port}: {error}")
    if refused:
        _refused(refused)


def _connected(settings: Settings) -> smtplib.SMTP:
    if settings.tls == "none":
        return smtplib.SMTP(settings.host, settings.port, timeout=PATIENCE)
    context = ssl.create_default_context(cafile=settings.ca_file)
    if settings.tls == "tls":
        return smtplib.SMTP_SSL(settings.host, settings.port, timeout=PATIENCE, context=context)
    client = smtplib.SMTP(settings.host, settings.port, timeout=PATIENCE)
    client.starttls(context=context)
    return client


def _refused(recipients: dict[str, tuple[int, bytes]]) -> NoReturn:
    lines = [f"{recipient}: {_said(code, text)}" for recipient, (code, text) in recipients.items()]
    is_temporary = all(code < 500 for code, _ in recipients.values())
    _fail(os.EX_TEMPFAIL if is_temporary else os.EX_NOUSER, "; ".join(lines))


def _said(code: int, text: bytes | str) -> str:
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return f"{code} {' '.join(words.split())}"


def _fail(code: int, text: str) -> NoReturn:
    sys.stderr.write(f"sendmail: {text}\n")
    sys.exit(code)
