"""What SMTP says of failures, and of a message that some recipients got and others did not."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from mox_trio.base.failure import Failure, Kind
from mox_trio.protocol.smtp.reply import Reply
from storage_backends.errors import StorageError

_CODES: Final[dict[Kind, tuple[int, str]]] = {
    Kind.NOT_FOUND: (550, "5.1.1"),
    Kind.EXISTS: (554, "5.3.0"),
    Kind.INVALID: (554, "5.6.0"),
    Kind.UNSUPPORTED: (554, "5.6.3"),
    Kind.FORBIDDEN: (550, "5.7.1"),
    Kind.CREDENTIALS: (535, "5.7.8"),
    Kind.DISABLED: (525, "5.7.13"),
    Kind.CONFLICT: (451, "4.3.0"),
    Kind.IN_USE: (451, "4.3.0"),
    Kind.LIMIT: (552, "5.3.4"),
    Kind.QUOTA: (452, "4.2.2"),
    Kind.RATE: (452, "4.2.2"),
    Kind.TRY_LATER: (451, "4.3.2"),
    Kind.UNAVAILABLE: (452, "4.3.1"),
    Kind.CORRUPT: (451, "4.3.0"),
    Kind.EXPIRED: (554, "5.7.0"),
    Kind.POLICY: (550, "5.7.1"),
}

TROUBLE: Final = Reply.of(451, "4.3.0", "trouble on this side; try again later")
STOPPING: Final = Reply.of(421, "4.3.2", "the server stops; come back soon")
SILENT: Final = Reply.of(421, "4.4.2", "nothing was heard for too long")
TOO_MANY_SESSIONS: Final = Reply.of(421, "4.3.2", "too many connections; come back later")
TOO_OFTEN: Final = Reply.of(421, "4.7.0", "too many connections from there; come back later")
TOO_MANY_FAILED: Final = Reply.of(421, "4.7.0", "too many failed logins; come back later")
TOO_BAD: Final = Reply.of(550, "5.1.0", "nothing good came in this session")
LOGIN_FIRST: Final = Reply.of(530, "5.7.0", "log in first")
TLS_FIRST: Final = Reply.of(530, "5.7.0", "begin TLS first")
HELLO_OK: Final = Reply.of(250, "", "")
MAIL_OK: Final = Reply.of(250, "2.1.0", "OK")
RCPT_OK: Final = Reply.of(250, "2.1.5", "OK")


def of(error: Failure | StorageError) -> Reply:
    """The reply to whoever caused it; what the stores say is for the log alone."""
    if isinstance(error, StorageError):
        return TROUBLE
    code, enhanced = _CODES[error.kind]
    return Reply.of(code, enhanced, error.public)


def with_session(reply: Reply, session: str) -> Reply:
    """A refusal that names the session, so that whoever is asked about it finds the log lines."""
    if reply.is_positive or not session or reply.code == 334:
        return reply
    return replace(reply, lines=(*reply.lines[:-1], f"{reply.lines[-1]} ({session})"))


def merged(replies: Sequence[Reply]) -> Reply:
    """The one reply of SMTP to a message for several recipients.

    Positive when one is: then a receiver has seen to it that the sender hears of the others. Several refusals with the
    same code stay what they are; else any temporary one makes the whole temporary: the message comes again, and who
    could not get it for now is not given up for the sake of another. ValueError for none.
    """
    if not replies:
        raise ValueError("a message has recipients")
    accepted = [reply for reply in replies if reply.is_positive]
    if accepted:
        return accepted[0]
    distinct = list(dict.fromkeys(replies))
    if len(distinct) == 1:
        return distinct[0]
    lines = tuple(dict.fromkeys(line for reply in distinct for line in reply.lines))
    if len({(reply.code, reply.enhanced) for reply in distinct}) == 1:
        return replace(distinct[0], lines=lines)
    if all(reply.is_permanent for reply in distinct):
        return Reply(554, "5.3.0", lines)
    return Reply(451, "4.3.0", lines)
