"""What the servers do about each command but AUTH and those that bring content."""

from dataclasses import replace

import trio

from mox_trio.protocol.smtp import server
from mox_trio.protocol.smtp.reply import Reply
from mox_trio.protocol.smtp.server_events import Handled, Hello, Kind, Mail, Rcpt, Reset, StartTls
from mox_trio.smtpd import auth, replies
from mox_trio.smtpd.dialog import Dialog
from mox_trio.transport.tls import TlsFailed


async def hello(dialog: Dialog, event: Hello) -> None:
    """EHLO, HELO, LHLO."""
    began = trio.current_time()
    dialog.transaction_over()
    dialog.client = replace(dialog.client, hello=event.name, extended=event.extended)
    dialog.answer(event.verb, replies.HELLO_OK, began)


async def starttls(dialog: Dialog, event: StartTls) -> None:
    """STARTTLS (RFC 3207). TlsFailed, Silent."""
    began = trio.current_time()
    tls = dialog.parts.tls()
    if tls is None:  # gone since EHLO
        dialog.answer("STARTTLS", replies.TROUBLE, began)
        return
    dialog.answer("STARTTLS", server.START_TLS, began)
    await dialog.flush()
    metrics = dialog.parts.metrics if dialog.settings.kind is Kind.SMTP else None
    if metrics is not None:
        metrics.count("smtpserver_delivery_starttls_total")
    dialog.takes_its_time()
    try:
        await dialog.connection.start_tls(tls)
    except TlsFailed as error:
        if metrics is not None:
            metrics.count("smtpserver_delivery_starttls_errors_total", reason=error.reason)
        raise
    dialog.client = replace(dialog.client, tls=dialog.connection.tls, hello="", extended=True)
    dialog.protocol.tls_started()
    await channel(dialog)


async def channel(dialog: Dialog) -> None:
    """What the connection allows, at its beginning and after STARTTLS."""
    context = dialog.protocol.context
    context.has_tls = dialog.connection.tls is not None
    context.may_start_tls = not context.has_tls and dialog.parts.tls() is not None
    if dialog.parts.who is not None:
        context.mechanisms = auth.offered(dialog)
        await auth.by_certificate(dialog, dialog.parts.who)


async def mail(dialog: Dialog, event: Mail) -> None:
    """MAIL."""
    began = trio.current_time()
    dialog.transaction_over()
    refusal = _may_not_begin(dialog)
    if refusal is replies.TOO_BAD:
        dialog.protocol.close(refusal)
        dialog.observe("MAIL", refusal, began)
        return
    asking = dialog.parts.receiver.mail
    reply = refusal or await dialog.decided(lambda: asking(dialog.client, event.envelope), replies.MAIL_OK, "MAIL")
    dialog.answer("MAIL", reply, began)


def _may_not_begin(dialog: Dialog) -> Reply | None:
    settings, client = dialog.settings, dialog.client
    if dialog.parts.closing.is_set:
        return replies.STOPPING
    if dialog.is_hopeless:
        return replies.TOO_BAD
    if settings.kind is not Kind.SUBMISSION:
        return None
    if settings.tls_required and client.tls is None:
        return replies.TLS_FIRST
    return None if client.login else replies.LOGIN_FIRST


async def rcpt(dialog: Dialog, event: Rcpt) -> None:
    """RCPT."""
    began = trio.current_time()
    envelope = dialog.protocol.envelope
    is_delivery = dialog.settings.kind is Kind.SMTP
    if (
        is_delivery
        and dialog.settings.tls_required
        and dialog.client.tls is None
        and not dialog.parts.takes_tls_reports(event.recipient.path)
    ):
        dialog.answer("RCPT", replies.TLS_FIRST, began)
        return
    asking = dialog.parts.receiver.rcpt
    reply = await dialog.decided(lambda: asking(dialog.client, envelope, event.recipient), replies.RCPT_OK, "RCPT")
    dialog.answer("RCPT", reply, began)


async def handled(dialog: Dialog, event: Handled | Reset) -> None:
    """What the protocol settled by itself."""
    if isinstance(event, Reset):
        dialog.transaction_over()
    verb = event.verb if isinstance(event, Handled) else "RSET"
    dialog.observe(verb or "other", event.reply, trio.current_time())
