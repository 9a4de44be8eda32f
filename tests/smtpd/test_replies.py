"""What SMTP says of failures, and of several answers at once."""

import pytest

from mox_trio.base.failure import Failure, Kind
from mox_trio.protocol.smtp.reply import Reply
from mox_trio.smtpd import replies
from storage_backends.errors import Corrupt

GOOD = Reply.of(250, "2.0.0", "ok")
FULL = Reply.of(452, "4.2.2", "full")
BUSY = Reply.of(451, "4.3.0", "busy")
NOBODY = Reply.of(550, "5.1.1", "no such user")


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_of_failure_has_a_reply_of_its_class(kind: Kind) -> None:
    reply = replies.of(Failure(kind, "public", "private"))
    assert reply.is_temporary == kind.is_temporary or kind is Kind.IN_USE
    assert reply.enhanced[0] == str(reply.code)[0]
    assert reply.text == "public"


def test_what_a_store_says_is_not_told() -> None:
    assert replies.of(Corrupt("/srv/mail/secret")).text == "trouble on this side; try again later"


@pytest.mark.parametrize(
    ("answers", "merged"),
    [
        ([GOOD], GOOD),
        ([NOBODY, GOOD, FULL], GOOD),
        ([FULL, FULL], FULL),
        ([NOBODY, Reply.of(550, "5.1.1", "gone")], Reply(550, "5.1.1", ("no such user", "gone"))),
        ([FULL, BUSY], Reply(451, "4.3.0", ("full", "busy"))),
        ([FULL, NOBODY, FULL], Reply(451, "4.3.0", ("full", "no such user"))),
        ([NOBODY, Reply.of(550, "5.7.1", "no")], Reply(554, "5.3.0", ("no such user", "no"))),
    ],
)
def test_several_answers_are_one(answers: list[Reply], merged: Reply) -> None:
    assert replies.merged(answers) == merged


def test_a_message_has_recipients() -> None:
    with pytest.raises(ValueError, match="recipients"):
        replies.merged([])
