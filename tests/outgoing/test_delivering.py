"""Deliveries to hosts of a domain: which are tried, what each recipient gets, what the next attempt learns."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from ipaddress import ip_address

import pytest
import trio
import trio.testing

from mox_trio.base.address import Path
from mox_trio.base.failure import Failure, Kind
from mox_trio.config.models.transports import Direct, Fail
from mox_trio.outgoing.job import Job, Outcome
from mox_trio.outgoing.tally import Tally
from mox_trio.protocol.smtp.envelope import Body, Notify, Recipient, Return
from mox_trio.protocol.smtp.reply import Reply
from tests.kit import wires
from tests.kit.deliveries import World, job, recipients, world
from tests.kit.mail_hosts import Host, Message, Received

Clock = trio.testing.MockClock


async def test_a_message_is_delivered(nursery: trio.Nursery) -> None:
    here = world(nursery)
    host = here.network.host("192.0.2.1")
    (result,) = await here.deliver(job())
    assert result.outcome is Outcome.DELIVERED
    assert result.reply == Reply(250, "2.0.0", ("taken",))
    assert (result.remote_host, result.remote_ip, result.secure) == ("mail.y.example", "192.0.2.1", "")
    assert dict(result.dialled) == {"mail.y.example": ("192.0.2.1",)}
    assert host.messages == [
        Received("<me@us.example> SIZE=22 BODY=8BITMIME", ("<you@y.example>",), b"Subject: hi\r\n\r\nhello\r\n")
    ]
    assert host.lines[0] == "EHLO us.example"
    assert here.count("queue_connection_total") == ['moxtrio_queue_connection_total{result="ok"} 1.0']


@pytest.mark.parametrize("extensions", [(), ("PIPELINING",), ("CHUNKING",), ("PIPELINING", "CHUNKING")])
async def test_the_content_arrives_whatever_the_host_offers(nursery: trio.Nursery, extensions: tuple[str, ...]) -> None:
    here = world(nursery)
    host = here.network.host("192.0.2.1", Host(extensions))
    big = [b"Subject: x\n\n", b".dot\r", *[b"line\r\n.\r\n" * 9999] * 10, b"end"]
    for parts in ([], [b"a"], [b"a\r\n.\r\nb\n.c"], big):
        message = Message(parts)
        (result,) = await here.deliver(job(message=message))
        assert result.outcome is Outcome.RELAYED  # the host speaks no DSN
        expected = b"".join(parts).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        expected += b"\n" if expected and not expected.endswith(b"\n") else b""
        assert host.messages[-1].content == expected.replace(b"\n", b"\r\n")
        assert message.closed == 1


async def test_what_a_host_that_pipelines_is_told_comes_in_one_piece(nursery: trio.Nursery) -> None:
    here = world(nursery)
    host = here.network.host("192.0.2.1", Host(("PIPELINING", "CHUNKING")))
    await here.deliver(job("a@y.example", "b@y.example"))
    assert host.lines[1:] == [
        "MAIL FROM:<me@us.example>",
        "RCPT TO:<a@y.example>",
        "RCPT TO:<b@y.example>",
        "BDAT 22 LAST",
        "QUIT",
    ]


async def test_a_later_attempt_does_without_bdat(nursery: trio.Nursery) -> None:
    here = world(nursery)
    host = here.network.host("192.0.2.1", Host(("PIPELINING", "CHUNKING"), {"BDAT": ["502 5.5.1 what"]}))
    assert await here.outcomes(job()) == [(Outcome.TEMPORARY, "4.5.1")]
    assert await here.outcomes(replace(job(), attempt=2)) == [(Outcome.RELAYED, "2.0.0")]
    assert "DATA" in host.lines


def test_a_setback_keeps_its_own_status_beside_what_the_host_said() -> None:
    tally = Tally(job())
    tally.setback(tally.pending, "4.7.0", "the relay refuses the login", reply=Reply.of(535, "5.7.8", "wrong"))
    (result,) = tally.results()
    assert (result.outcome, result.status, result.detail) == (
        Outcome.TEMPORARY,
        "4.7.0",
        "the relay refuses the login",
    )


async def test_dsn_parameters_go_to_who_knows_them(nursery: trio.Nursery) -> None:
    here = world(nursery)
    host = here.network.host("192.0.2.1")
    to = Recipient(Path.parse("<you@y.example>"), Notify.SUCCESS, "rfc822;old@x.example")
    sent = replace(job(), recipients=(to,), envelope_id="id 1", ret=Return.HEADERS, body=Body.SEVEN_BIT)
    assert (await here.deliver(sent))[0].outcome is Outcome.DELIVERED
    assert host.messages[0].sender == "<me@us.example> SIZE=22 RET=HDRS ENVID=id+201"
    assert host.messages[0].recipients == ("<you@y.example> NOTIFY=SUCCESS ORCPT=rfc822;old@x.example",)
    here.network.host("192.0.2.1", Host(("PIPELINING",)))
    assert (await here.deliver(sent))[0].outcome is Outcome.RELAYED


async def test_each_recipient_gets_its_own_result(nursery: trio.Nursery, autojump_clock: Clock) -> None:
    here = world(nursery)
    host = here.network.host("192.0.2.1")
    host.answers["RCPT"] = ["usual", "550 5.1.1 nobody", "450 4.2.1 later", "552 5.2.2 full", "usual"]
    names = [f"{letter}@y.example" for letter in "abcde"]
    results = await here.deliver(job(*names))
    assert [str(each.recipient.path) for each in results] == [f"<{name}>" for name in names]
    assert [(each.outcome, each.status) for each in results] == [
        (Outcome.DELIVERED, "2.0.0"),
        (Outcome.PERMANENT, "5.1.1"),
        (Outcome.TEMPORARY, "4.2.1"),
        (Outcome.DELIVERED, "2.0.0"),  # 552 beside others that were taken: RFC 5321 4.5.3.1.10
        (Outcome.DELIVERED, "2.0.0"),
    ]
    assert "RCPT was answered 550 5.1.1 nobody" in results[1].detail
    assert [len(each.recipients) for each in host.messages] == [2, 1]


async def test_recipients_beyond_what_a_host_takes_follow_in_the_next_transaction(nursery: trio.Nursery) -> None:
    here = world(nursery)
    host = here.network.host("192.0.2.1")
    host.answers["RCPT"] = ["usual", "452 4.5.3 too many", "452 4.5.3 too many", "usual", "452 4.5.3 too many"]
    assert {each[0] for each in await here.outcomes(job("a@y.example", "b@y.example", "c@y.example"))} == {
        Outcome.DELIVERED
    }
    assert [each.recipients for each in host.messages] == [("<a@y.example>",), ("<b@y.example>",), ("<c@y.example>",)]
    assert host.connections == 1


async def test_a_host_that_takes_nobody_is_not_asked_again_and_again(nursery: trio.Nursery) -> None:
    here = world(nursery)
    host = here.network.host("192.0.2.1")
    host.answers["RCPT"] = ["452 4.5.3 too many", "552 too many"]
    assert await here.outcomes(job("a@y.example", "b@y.example")) == [
        (Outcome.TEMPORARY, "4.5.3"),
        (Outcome.TEMPORARY, "4.0.0"),
    ]
    assert host.messages == []


async def test_a_limit_of_recipients_is_kept(nursery: trio.Nursery) -> None:
    here = world(nursery)
    host = here.network.host("192.0.2.1", Host(("PIPELINING", "DSN", "LIMITS RCPTMAX=2 MAILMAX=2")))
    names = [f"{number}@y.example" for number in range(7)]
    assert {each[0] for each in await here.outcomes(job(*names))} == {Outcome.DELIVERED}
    assert [len(each.recipients) for each in host.messages] == [2, 2, 2, 1]
    assert host.connections == 2  # RFC 9422: MAILMAX


async def test_a_transaction_has_a_hundred_recipients_at_most(nursery: trio.Nursery) -> None:
    here = world(nursery)
    host = here.network.host("192.0.2.1")
    await here.deliver(job(*(f"{number}@y.example" for number in range(250))))
    assert [len(each.recipients) for each in host.messages] == [100, 100, 50]


async def test_equal_recipients_are_told_apart(nursery: trio.Nursery) -> None:
    here = world(nursery)
    here.network.host("192.0.2.1").answers["RCPT"] = ["usual", "550 5.1.1 once is enough"]
    outcomes = [each[0] for each in await here.outcomes(job("a@y.example", "a@y.example"))]
    assert outcomes == [Outcome.DELIVERED, Outcome.PERMANENT]


@pytest.mark.parametrize("step", ["MAIL", "DATA", "."])
@pytest.mark.parametrize("pipelining", [True, False])
async def test_a_refusal_is_everybodys_at_every_step(nursery: trio.Nursery, step: str, pipelining: bool) -> None:
    here = world(nursery)
    host = here.network.host("192.0.2.1", Host(("PIPELINING",) if pipelining else ()))
    host.answers[step] = ["550 5.7.9 no", "450 4.7.9 later"]
    two = job("a@y.example", "b@y.example")
    assert await here.outcomes(two) == [(Outcome.PERMANENT, "5.7.9")] * 2
    assert await here.outcomes(two) == [(Outcome.TEMPORARY, "4.7.9")] * 2
    assert await here.outcomes(two) == [(Outcome.RELAYED, "2.0.0")] * 2
    assert len(host.messages) == 1


@pytest.mark.parametrize("offered", [("PIPELINING", "CHUNKING"), ("CHUNKING",)])
async def test_a_refused_chunk_ends_the_message(nursery: trio.Nursery, offered: tuple[str, ...]) -> None:
    here = world(nursery)
    host = here.network.host("192.0.2.1", Host(offered, {"BDAT": ["usual", "552 5.3.4 enough"]}))
    big = Message([b"x" * 76 + b"\r\n"] * 30_000)
    assert await here.outcomes(job(message=big)) == [(Outcome.PERMANENT, "5.3.4")]
    assert host.messages == []
    assert big.closed == 1


async def test_the_next_host_is_tried_when_one_does_not_answer(nursery: trio.Nursery) -> None:
    here = world(nursery)
    second = here.network.host("192.0.2.22")
    (result,) = await here.deliver(job("you@two.example"))
    assert result.outcome is Outcome.DELIVERED
    assert result.remote_host == "two.two.example"
    assert here.network.dialled == ["192.0.2.21", "192.0.2.22"]
    assert len(second.messages) == 1


@pytest.mark.parametrize(
    "answers",
    [
        {"connect": ["421 busy"]},
        {"connect": ["450 4.7.1 later"]},
        {"connect": ["HTTP/1.1 400 Bad Request"]},
        {"connect": [""]},
        {"connect": [None]},
        {"EHLO": ["421 busy"]},
        {"EHLO": [""]},
        {"MAIL": ["451 4.3.0 later"]},
        {"MAIL": ["421 4.3.2 stopping"]},
        {"MAIL": [None]},
        {"RCPT": ["451 4.3.0 later"]},
        {"RCPT": ["421 4.3.2 stopping"]},
        {"RCPT": ["999 what"]},
        {"DATA": ["451 4.3.0 later"]},
        {"DATA": ["250 not like this"]},
        {"DATA": [""]},
        {".": ["451 4.3.0 later"]},
        {".": ["421 4.3.2 stopping"]},
    ],
    ids=str,
)
async def test_the_next_host_is_tried_after_temporary_trouble(
    nursery: trio.Nursery, autojump_clock: Clock, answers: dict[str, list[str | None]]
) -> None:
    here = world(nursery)
    first = here.network.host("192.0.2.21", Host(answers=answers))
    second = here.network.host("192.0.2.22")
    assert await here.outcomes(job("you@two.example")) == [(Outcome.DELIVERED, "2.0.0")]
    assert (len(first.messages), len(second.messages)) == (0, 1)


async def test_after_a_permanent_refusal_no_other_host_is_asked(nursery: trio.Nursery) -> None:
    here = world(nursery)
    here.network.host("192.0.2.21", Host(answers={"RCPT": ["550 5.1.1 nobody"]}))
    second = here.network.host("192.0.2.22")
    assert await here.outcomes(job("you@two.example")) == [(Outcome.PERMANENT, "5.1.1")]
    assert second.connections == 0


async def test_only_who_is_left_is_for_the_next_host(nursery: trio.Nursery) -> None:
    here = world(nursery)
    here.network.host("192.0.2.21", Host(answers={"RCPT": ["usual", "450 4.2.0 later", "550 5.1.1 nobody"]}))
    second = here.network.host("192.0.2.22")
    outcomes = await here.outcomes(job("a@two.example", "b@two.example", "c@two.example"))
    assert outcomes == [(Outcome.DELIVERED, "2.0.0"), (Outcome.DELIVERED, "2.0.0"), (Outcome.PERMANENT, "5.1.1")]
    assert [each.recipients for each in second.messages] == [("<b@two.example>",)]


@pytest.mark.parametrize("extensions", [("PIPELINING",), (), ("PIPELINING", "CHUNKING"), ("CHUNKING",)])
async def test_a_message_whose_end_was_not_answered_is_not_for_another_host(
    nursery: trio.Nursery, autojump_clock: Clock, extensions: tuple[str, ...]
) -> None:
    here = world(nursery)
    for answer in ("", None):
        here.network.host("192.0.2.21", Host(extensions, {".": [answer], "BDAT": [answer]}))
        second = here.network.host("192.0.2.22")
        began = trio.current_time()
        assert await here.outcomes(job("you@two.example")) == [(Outcome.TEMPORARY, "4.4.2")]
        assert second.connections == 0
        assert trio.current_time() - began == pytest.approx(0 if answer == "" else 600)  # RFC 5321 4.5.3.2.6


@pytest.mark.parametrize(("step", "seconds"), [("MAIL", 300), ("RCPT", 300), ("DATA", 120)])
@pytest.mark.parametrize("extensions", [("PIPELINING",), ()])
async def test_each_answer_has_its_time(
    nursery: trio.Nursery, autojump_clock: Clock, extensions: tuple[str, ...], step: str, seconds: float
) -> None:
    here = world(nursery)
    here.network.host("192.0.2.1", Host(extensions, {step: [None]}))
    began = trio.current_time()
    (result,) = await here.deliver(job())
    assert (result.outcome, result.status) == (Outcome.TEMPORARY, "4.4.2")
    assert f"waiting for a reply: nothing received for {seconds} s" in result.detail
    assert trio.current_time() - began == pytest.approx(seconds)  # RFC 5321 4.5.3.2


class Slow(Message):
    """A message whose store takes ten minutes for a block."""

    async def blocks(self) -> AsyncGenerator[bytes, None]:
        async for block in super().blocks():
            await trio.sleep(600)
            yield block


@pytest.mark.parametrize("extensions", [("PIPELINING",), (), ("PIPELINING", "CHUNKING"), ("CHUNKING",)])
async def test_waiting_for_the_store_is_not_waiting_for_the_host(
    nursery: trio.Nursery, autojump_clock: Clock, extensions: tuple[str, ...]
) -> None:
    here = world(nursery)
    host = here.network.host("192.0.2.1", Host(extensions))
    blocks = [b"Subject: slow\r\n\r\n" + b"x" * 70_000 + b"\r\n", b"y" * 70_000 + b"\r\n"]
    (result,) = await here.deliver(job(message=Slow(blocks)))
    assert not result.is_failure
    assert host.messages[0].content == b"".join(blocks)


async def test_all_addresses_of_a_host_are_tried_and_share_the_time(
    nursery: trio.Nursery, autojump_clock: Clock
) -> None:
    here = world(nursery)
    here.zone.set("mail.y.example", "A", ["192.0.2.1", "192.0.2.2", "192.0.2.3"])
    here.network.dead |= {"192.0.2.1", "192.0.2.2"}
    here.network.host("192.0.2.3")
    began = trio.current_time()
    (result,) = await here.deliver(job())
    assert result.outcome is Outcome.DELIVERED
    assert dict(result.dialled) == {"mail.y.example": ("192.0.2.1", "192.0.2.2", "192.0.2.3")}
    assert trio.current_time() - began == pytest.approx(20)


async def test_nobody_at_home_is_temporary(nursery: trio.Nursery) -> None:
    here = world(nursery)
    (result,) = await here.deliver(job("you@two.example"))
    assert (result.outcome, result.status) == (Outcome.TEMPORARY, "4.4.1")
    assert "Connection refused" in result.detail
    assert here.count("queue_connection_total") == ['moxtrio_queue_connection_total{result="error"} 2.0']


async def test_the_next_attempt_takes_the_other_family(nursery: trio.Nursery) -> None:
    here = world(nursery)
    here.zone.set("mail.y.example", "AAAA", ["2001:db8::1"])
    refusing: dict[str, list[str | None]] = {"RCPT": ["550 5.7.1 bad reputation", "550 5.7.1 bad reputation"]}
    here.network.host("2001:db8::1", Host(answers=refusing))
    here.network.host("192.0.2.1")
    (first,) = await here.deliver(job())
    assert (first.outcome, first.status, first.remote_ip) == (Outcome.TEMPORARY, "4.7.1", "2001:db8::1")
    (second,) = await here.deliver(replace(job(), attempt=2, dialled=first.dialled))
    assert (second.outcome, second.remote_ip) == (Outcome.DELIVERED, "192.0.2.1")
    assert second.dialled["mail.y.example"] == ("2001:db8::1", "192.0.2.1")
    (third,) = await here.deliver(replace(job(), attempt=3, dialled=second.dialled))
    assert (third.outcome, third.status) == (Outcome.PERMANENT, "5.7.1")


async def test_what_was_dialled_is_bounded(nursery: trio.Nursery) -> None:
    here = world(nursery)
    many = {"mail.y.example": tuple(f"192.0.2.{number}" for number in range(100, 130))}
    (result,) = await here.deliver(replace(job(), dialled=many))
    assert result.dialled["mail.y.example"] == (*many["mail.y.example"][-19:], "192.0.2.1")


async def test_an_address_literal_is_dialled_as_it_is(nursery: trio.Nursery) -> None:
    here = world(nursery)
    host = here.network.host("2001:db8::5")
    (result,) = await here.deliver(job("you@[IPv6:2001:db8::5]"))
    assert (result.outcome, result.remote_host) == (Outcome.DELIVERED, "2001:db8::5")
    assert host.messages[0].recipients == ("<you@[IPv6:2001:db8::5]>",)
    assert here.zone.asked == []


@pytest.mark.parametrize(
    ("address", "status"),
    [("a@nowhere.example", "5.1.2"), ("a@null.example", "5.1.10"), ("a@broken.example", "4.4.3")],
)
async def test_what_dns_says_of_a_domain_ends_the_attempt(nursery: trio.Nursery, address: str, status: str) -> None:
    here = world(nursery)
    here.zone.set("null.example", "MX", [(0, ".")])
    here.zone.set("broken.example", "CNAME", ["broken.example"])
    (result,) = await here.deliver(job(address))
    assert result.status == status
    assert result.outcome is (Outcome.PERMANENT if status[0] == "5" else Outcome.TEMPORARY)
    assert result.detail
    assert here.network.dialled == []


async def test_a_host_without_address_is_left_out(nursery: trio.Nursery) -> None:
    here = world(nursery)
    here.zone.set("one.two.example", "A", [])
    here.network.host("192.0.2.22")
    assert await here.outcomes(job("you@two.example")) == [(Outcome.DELIVERED, "2.0.0")]
    here.zone.set("two.two.example", "A", [])
    assert await here.outcomes(job("you@two.example")) == [(Outcome.PERMANENT, "5.4.4")]


async def test_private_addresses_are_not_dialled(nursery: trio.Nursery) -> None:
    here = world(nursery, private_networks=())
    for address in ("127.0.0.1", "10.0.0.1", "192.0.2.1", "169.254.1.1"):
        here.zone.set("mail.y.example", "A", [address])
        assert await here.outcomes(job()) == [(Outcome.PERMANENT, "5.4.4")]
    assert await here.outcomes(job("you@[127.0.0.1]")) == [(Outcome.PERMANENT, "5.4.4")]
    here.zone.set("mail.y.example", "A", ["127.0.0.1", "8.8.8.8"])
    here.network.host("8.8.8.8")
    assert await here.outcomes(job()) == [(Outcome.DELIVERED, "2.0.0")]
    assert here.network.dialled == ["8.8.8.8"]


async def test_our_own_addresses_are_not_dialled(nursery: trio.Nursery) -> None:
    here = world(nursery, own_addresses=frozenset({ip_address("192.0.2.21")}))
    second = here.network.host("192.0.2.22")
    assert await here.outcomes(job("you@two.example")) == [(Outcome.PERMANENT, "5.4.6")]
    assert second.connections == 0  # it is a worse host than we are: it would send the mail to us


async def test_a_host_that_says_our_name_is_this_server(nursery: trio.Nursery) -> None:
    here = world(nursery)
    host = here.network.host("192.0.2.1", Host(name="US.example"))
    assert await here.outcomes(job()) == [(Outcome.PERMANENT, "5.4.6")]
    assert host.messages == []
    assert (await here.outcomes(job("you@two.example")))[0][0] is Outcome.TEMPORARY


async def test_a_server_that_may_talk_to_itself_does(nursery: trio.Nursery) -> None:
    own = frozenset({ip_address("192.0.2.1")})
    here = world(nursery, may_loop=True, own_addresses=own, own_names=frozenset({"mail.y.example"}), port=1025)
    here.network.host("192.0.2.1", Host(name="us.example"), port=1025)
    assert await here.outcomes(job()) == [(Outcome.DELIVERED, "2.0.0")]


async def test_connections_come_from_the_addresses_of_the_listeners(nursery: trio.Nursery) -> None:
    here = world(nursery, local_addresses=(ip_address("192.0.2.200"), ip_address("2001:db8::200")))
    here.zone.set("mail.y.example", "AAAA", ["2001:db8::1"])
    here.network.host("192.0.2.1")
    await here.deliver(job())
    assert here.network.local == ["2001:db8::200", "192.0.2.200"]


async def test_a_host_that_knows_no_ehlo_gets_helo(nursery: trio.Nursery) -> None:
    here = world(nursery)
    host = here.network.host("192.0.2.1", Host(knows_ehlo=False))
    assert await here.outcomes(job()) == [(Outcome.RELAYED, "2.0.0")]
    assert host.lines[:3] == ["EHLO us.example", "HELO us.example", "MAIL FROM:<me@us.example>"]


async def test_8_bit_content_goes_to_everybody_unless_pedantic(nursery: trio.Nursery) -> None:
    eight = replace(job(message=Message([b"Subject: \xc3\xbc\r\n\r\n"])), body=Body.EIGHT_BIT)
    here = world(nursery)
    host = here.network.host("192.0.2.1", Host(()))
    assert await here.outcomes(eight) == [(Outcome.RELAYED, "2.0.0")]
    assert host.messages[0].sender == "<me@us.example>"
    strict = world(nursery, pedantic=True)
    strict.network.host("192.0.2.1", Host(()))
    assert await strict.outcomes(eight) == [(Outcome.PERMANENT, "5.6.3")]


async def test_binary_content_goes_only_where_it_is_taken(nursery: trio.Nursery) -> None:
    binary = replace(job(message=Message([b"\r\n\0\r\n.\r\nlone \n and \r"])), body=Body.BINARY)
    here = world(nursery)
    here.network.host("192.0.2.1", Host(("PIPELINING", "8BITMIME", "CHUNKING")))
    assert await here.outcomes(binary) == [(Outcome.PERMANENT, "5.6.3")]
    host = here.network.host("192.0.2.1", Host(("PIPELINING", "8BITMIME", "CHUNKING", "BINARYMIME")))
    assert await here.outcomes(binary) == [(Outcome.RELAYED, "2.0.0")]
    assert host.messages == [
        Received("<me@us.example> BODY=BINARYMIME", ("<you@y.example>",), b"\r\n\0\r\n.\r\nlone \n and \r")
    ]
    assert await here.outcomes(replace(binary, attempt=2)) == [(Outcome.RELAYED, "2.0.0")]
    assert host.messages[1] == host.messages[0]  # RFC 3030 3: never by DATA


async def test_utf8_goes_only_where_it_is_taken(nursery: trio.Nursery) -> None:
    here = world(nursery)
    here.network.host("192.0.2.21", Host(("PIPELINING", "8BITMIME")))
    second = here.network.host("192.0.2.22", Host(("PIPELINING", "8BITMIME", "SMTPUTF8")))
    assert await here.outcomes(job("dü@two.example")) == [(Outcome.RELAYED, "2.0.0")]
    assert second.messages[0].sender == "<me@us.example> BODY=8BITMIME SMTPUTF8"
    assert second.messages[0].recipients == ("<dü@two.example>",)
    here.network.host("192.0.2.22", Host(("PIPELINING", "8BITMIME")))
    assert await here.outcomes(job("dü@two.example")) == [(Outcome.PERMANENT, "5.6.7")]
    here.network.host("192.0.2.22", Host(answers={"connect": ["421 busy"]}))
    assert await here.outcomes(job("dü@two.example")) == [(Outcome.TEMPORARY, "4.0.0")]


async def test_a_message_larger_than_a_host_takes_is_not_sent(nursery: trio.Nursery) -> None:
    here = world(nursery)
    host = here.network.host("192.0.2.1", Host(("SIZE 20",)))
    assert await here.outcomes(job()) == [(Outcome.PERMANENT, "5.3.4")]
    assert host.lines == ["EHLO us.example", "QUIT"]


async def test_a_message_that_requires_tls_is_not_sent_on_nobodys_word(nursery: trio.Nursery) -> None:
    here = world(nursery)
    here.network.host("192.0.2.1", Host(("REQUIRETLS",), certificate=wires.certificate("mail.y.example")))
    assert await here.outcomes(replace(job(), require_tls=True)) == [(Outcome.PERMANENT, "5.7.30")]
    assert here.network.dialled == []


async def test_a_message_that_cannot_be_read_is_for_later(nursery: trio.Nursery) -> None:
    here = world(nursery)
    host = here.network.host("192.0.2.1")
    message = Message([b"half"], Failure(Kind.UNAVAILABLE, "the store is away"))
    assert await here.outcomes(job(message=message)) == [(Outcome.TEMPORARY, "4.3.0")]
    assert host.messages == []
    assert message.closed == 1


@pytest.mark.parametrize("extensions", [("PIPELINING",), ("PIPELINING", "CHUNKING"), ("CHUNKING",), ()])
async def test_the_end_is_not_sent_when_the_claim_would_end_first(
    nursery: trio.Nursery, extensions: tuple[str, ...]
) -> None:
    here = world(nursery)
    first = here.network.host("192.0.2.21", Host(extensions))
    second = here.network.host("192.0.2.22", Host(extensions))
    left = iter([700.0, 599.0])
    short = replace(job("you@two.example"), time_left=lambda: next(left))
    assert await here.outcomes(short) == [(Outcome.TEMPORARY, "4.3.0")]
    assert (first.messages, second.connections) == ([], 0)
    assert "MAIL FROM:<me@us.example>" in first.lines or "CHUNKING" in extensions


async def test_an_attempt_ends_after_half_an_hour(nursery: trio.Nursery, autojump_clock: Clock) -> None:
    here = world(nursery)
    here.zone.set("y.example", "MX", [(number, f"h{number}.example") for number in range(20)])
    for number in range(20):
        here.zone.set(f"h{number}.example", "A", [f"192.0.2.{number}"])
        here.network.host(f"192.0.2.{number}", Host(answers={"connect": [None]}))
    began = trio.current_time()
    assert await here.outcomes(job()) == [(Outcome.TEMPORARY, "4.4.7")]
    assert trio.current_time() - began == pytest.approx(1800)


async def test_a_slow_end_of_an_attempt_is_waited_for(nursery: trio.Nursery, autojump_clock: Clock) -> None:
    here = world(nursery)
    here.zone.set("y.example", "MX", [(number, f"h{number}.example") for number in range(7)])
    for number in range(7):
        here.zone.set(f"h{number}.example", "A", [f"192.0.2.{number}"])
        answers: dict[str, list[str | None]] = {"connect": [None]} if number < 5 else {".": [None]}
        here.network.host(f"192.0.2.{number}", Host(answers=answers))
    began = trio.current_time()
    assert await here.outcomes(job()) == [(Outcome.TEMPORARY, "4.4.2")]
    assert trio.current_time() - began == pytest.approx(5 * 300 + 600)


@pytest.mark.parametrize(("code", "outcome"), [(554, Outcome.PERMANENT), (450, Outcome.TEMPORARY)])
async def test_a_transport_that_fails_says_what_it_was_told_to(
    nursery: trio.Nursery, code: int, outcome: Outcome
) -> None:
    here = world(nursery)
    failing = Fail(code=code, message="not today")
    (result,) = await here.deliver(replace(job(), transport=failing))
    assert (result.outcome, result.reply) == (outcome, Reply(code, f"{code // 100}.7.1", ("not today",)))
    assert here.network.dialled == []


async def test_a_family_that_a_transport_leaves_out_is_not_dialled(nursery: trio.Nursery) -> None:
    here = world(nursery)
    here.zone.set("mail.y.example", "AAAA", ["2001:db8::1"])
    await here.deliver(replace(job(), transport=Direct(ipv4=False)))
    await here.deliver(replace(job(), transport=Direct(ipv6=False)))
    assert here.network.dialled == ["2001:db8::1", "192.0.2.1"]


async def test_cancelling_ends_everything_at_once(nursery: trio.Nursery, autojump_clock: Clock) -> None:
    here = world(nursery)
    here.network.host("192.0.2.1", Host(answers={".": [None]}))
    message = Message()
    with trio.move_on_after(5) as scope:
        await here.deliver(job(message=message))
    assert scope.cancelled_caught
    assert message.closed == 1


async def test_what_hosts_have_said_is_not_lost_by_cancelling(nursery: trio.Nursery, autojump_clock: Clock) -> None:
    here = world(nursery)
    here.network.host("192.0.2.1", Host(("DSN", "LIMITS RCPTMAX=1"), {".": ["usual", None]}))
    with trio.move_on_after(5):
        results = await here.deliver(job("a@y.example", "b@y.example"))
    assert [(each.outcome, each.status) for each in results] == [
        (Outcome.DELIVERED, "2.0.0"),
        (Outcome.TEMPORARY, "4.3.2"),
    ]


@pytest.mark.parametrize("extensions", [("PIPELINING",), ("PIPELINING", "CHUNKING"), ("CHUNKING",), ()])
@pytest.mark.parametrize("keeps", [True, False])
async def test_an_answer_is_not_lost_when_cancelled_the_moment_it_comes(
    nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch, extensions: tuple[str, ...], keeps: bool
) -> None:
    here = world(nursery)
    host = here.network.host("192.0.2.1", Host(extensions))
    if keeps:
        nursery.start_soon(here.delivering.run)
        await trio.testing.wait_all_tasks_blocked()
    with trio.CancelScope() as scope:

        def cancel(name: str, seconds: float, /, **labels: str) -> None:
            if labels.get("cmd") in ("content", "BDAT"):
                scope.cancel()

        monkeypatch.setattr(here.metrics, "observe", cancel)
        (result,) = await here.deliver(job())
        assert scope.cancel_called
        assert (result.outcome, len(host.messages)) == (Outcome.RELAYED, 1)


async def test_a_long_lived_claim_is_asked_each_time(nursery: trio.Nursery) -> None:
    here: World = world(nursery)
    here.network.host("192.0.2.1", Host(("PIPELINING",)))
    asked: list[float] = []

    def left() -> float:
        asked.append(trio.current_time())
        return 600.0

    made: Job = replace(job(), time_left=left, recipients=recipients("a@y.example", "b@y.example"))
    assert {each[0] for each in await here.outcomes(made)} == {Outcome.RELAYED}
    assert len(asked) == 2
