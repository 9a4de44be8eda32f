"""The resolver: its cache on a mock clock with a scripted server, and the real thing against nsd and unbound."""

import struct
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
import trio
import trio.testing
from trio.socket import AF_INET, SOCK_DGRAM

from mox_trio.base.metrics import Metrics
from mox_trio.policy.questions import Answer, Kind, Mx, Question, Status, Tlsa
from mox_trio.transport import dns_exchange, resolver
from mox_trio.transport.dns_settings import DnsSettings, Server
from mox_trio.transport.local_resolver import LocalResolver
from mox_trio.transport.resolver import DnsResolver, Known, Wanted
from tests.kit import nameservers, shared_server
from tests.kit.nameservers import NameServers, Zone

LONG = " ".join(f'"{chr(97 + number % 26) * 250}"' for number in range(20))
SIGNED = f"""
@       IN MX 10 mail
@       IN MX 20 Backup.MOX.example.
@       IN TXT "v=spf1 " "mx -all"
mail    IN A 192.0.2.1
mail    IN A 192.0.2.2
mail    IN AAAA 2001:db8::1
alias   IN CNAME alias2
alias2  IN CNAME mail
gone    IN CNAME nowhere
null    IN MX 0 .
long    IN TXT {LONG}
_25._tcp.mail IN TLSA 3 1 1 {"ab" * 32}
"""
UNSIGNED = "@ IN A 192.0.2.9\nout IN CNAME mail.mox.example.\n"
BOGUS = "@ IN A 192.0.2.66\n"
REVERSE = "1 IN PTR mail.mox.example.\n"


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NameServers]:
    zones = [
        Zone("mox.example", SIGNED, signed=True),
        Zone("unsigned.example", UNSIGNED),
        Zone("bogus.example", BOGUS, signed=True, bogus=True),
        Zone("2.0.192.in-addr.arpa", REVERSE, signed=True),
    ]
    with nameservers.serving(tmp_path_factory.mktemp("dns"), zones) as running:
        yield running


def made(*servers: Server, timeout: float = 10.0, entries: int = 100) -> DnsResolver:
    return DnsResolver(DnsSettings(servers, timeout), trio.current_time, Metrics(), entries=entries)


@pytest.fixture
def real(servers: NameServers) -> DnsResolver:
    return made(Server("127.0.0.1", servers.port, trusted=True))


def q(name: str, kind: Kind) -> Question:
    return Question(name, kind)


class TestAgainstNsdAndUnbound:
    @pytest.mark.parametrize(
        ("name", "kind", "records"),
        [
            ("mox.example", Kind.MX, {Mx(10, "mail.mox.example"), Mx(20, "backup.mox.example")}),
            ("mox.example", Kind.TXT, {b"v=spf1 mx -all"}),
            ("mox.example", Kind.NS, {"ns.mox.example"}),
            ("mox.example", Kind.SOA, {"ns.mox.example"}),
            ("mail.mox.example", Kind.A, {"192.0.2.1", "192.0.2.2"}),
            ("mail.mox.example", Kind.AAAA, {"2001:db8::1"}),
            ("alias.mox.example", Kind.CNAME, {"alias2.mox.example"}),
            ("null.mox.example", Kind.MX, {Mx(0, "")}),
            ("_25._tcp.mail.mox.example", Kind.TLSA, {Tlsa(3, 1, 1, b"\xab" * 32)}),
            ("1.2.0.192.in-addr.arpa", Kind.PTR, {"mail.mox.example"}),
        ],
    )
    async def test_records_of_a_signed_zone_are_authentic(
        self, real: DnsResolver, name: str, kind: Kind, records: set[object]
    ) -> None:
        answer = await real.look_up(q(name, kind))
        assert (answer.status, set(answer.records), answer.authentic) == (Status.FOUND, records, True)
        assert 200 < answer.ttl <= 300  # unbound counts it down

    async def test_aliases_are_followed_and_named(self, real: DnsResolver) -> None:
        answer = await real.look_up(q("alias.mox.example", Kind.AAAA))
        assert (answer.records, answer.canonical_name) == (("2001:db8::1",), "mail.mox.example")
        assert answer.authentic

    async def test_an_alias_from_an_unsigned_zone_is_not_authentic(self, real: DnsResolver) -> None:
        answer = await real.look_up(q("out.unsigned.example", Kind.AAAA))
        assert (answer.status, answer.canonical_name, answer.authentic) == (Status.FOUND, "mail.mox.example", False)

    @pytest.mark.parametrize(
        ("name", "kind", "status"),
        [
            ("nowhere.mox.example", Kind.A, Status.NO_NAME),
            ("gone.mox.example", Kind.A, Status.NO_NAME),
            ("mail.mox.example", Kind.MX, Status.NO_DATA),
            ("_tcp.mail.mox.example", Kind.TLSA, Status.NO_DATA),
        ],
    )
    async def test_that_something_is_absent_is_authentic_too(
        self, real: DnsResolver, name: str, kind: Kind, status: Status
    ) -> None:
        answer = await real.look_up(q(name, kind))
        assert (answer.status, answer.records, answer.authentic) == (status, (), True)
        assert 0 < answer.ttl <= nameservers.NEGATIVE_TTL

    async def test_unsigned_answers_are_not_authentic(self, real: DnsResolver) -> None:
        answer = await real.look_up(q("unsigned.example", Kind.A))
        assert (answer.records, answer.authentic) == (("192.0.2.9",), False)

    async def test_a_broken_signature_is_trouble_and_says_so(self, real: DnsResolver) -> None:
        answer = await real.look_up(q("bogus.example", Kind.A))
        assert (answer.status, answer.records) == (Status.TROUBLE, ())
        assert "SERVFAIL" in answer.detail

    async def test_an_answer_that_does_not_fit_is_asked_for_by_tcp(self, real: DnsResolver) -> None:
        answer = await real.look_up(q("long.mox.example", Kind.TXT))
        assert len(answer.records) == 1
        assert isinstance(answer.records[0], bytes)
        assert len(answer.records[0]) == 5000

    async def test_a_resolver_that_is_not_trusted_makes_nothing_authentic(self, servers: NameServers) -> None:
        untrusting = made(Server("127.0.0.1", servers.port))
        assert not (await untrusting.look_up(q("mox.example", Kind.MX))).authentic

    async def test_a_closed_port_is_passed_over_at_once(self, servers: NameServers) -> None:
        closed = shared_server.free_ports(1)[0]
        two = made(Server("127.0.0.1", closed), Server("127.0.0.1", servers.port, trusted=True))
        with trio.fail_after(1.5):
            assert (await two.look_up(q("mail.mox.example", Kind.A))).authentic

    async def test_what_is_no_name_does_not_exist(self, real: DnsResolver) -> None:
        for name in ("a" * 64 + ".example", ".".join(["a" * 60] * 5), "two..dots", "caf\u00e9.example", ""):
            assert (await real.look_up(q(name, Kind.A))).status is Status.NO_NAME


Reply = Callable[[dns.message.Message], dns.message.Message | bytes | None]


class Scripted:
    """A resolver whose answers a test writes: on UDP, and the same on TCP."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        self.asked: list[str] = []
        self.peers: list[tuple[str, int]] = []
        self.port = 0
        self.arrived = trio.Event()
        self.go = trio.Event()
        self.go.set()

    async def serve(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        with trio.socket.socket(AF_INET, SOCK_DGRAM) as sock:
            await sock.bind(("127.0.0.1", 0))
            self.port = sock.getsockname()[1]
            task_status.started()
            while True:
                wire, peer = await sock.recvfrom(4096)
                query = dns.message.from_wire(wire)
                self.asked.append(query.question[0].to_text())
                self.peers.append(peer)
                assert query.flags & dns.flags.RD
                assert query.flags & dns.flags.AD
                assert not query.ednsflags & dns.flags.DO
                self.arrived.set()
                await self.go.wait()
                reply = self.reply(query)
                if isinstance(reply, bytes):
                    await sock.sendto(reply, peer)
                elif reply is not None:
                    await sock.sendto(reply.to_wire(), peer)


@asynccontextmanager
async def scripted(reply: Reply) -> AsyncIterator[Scripted]:
    server = Scripted(reply)
    async with trio.open_nursery() as nursery:
        await nursery.start(server.serve)
        yield server
        nursery.cancel_scope.cancel()


def address_answer(ttl: int) -> Reply:
    def reply(query: dns.message.Message) -> dns.message.Message:
        response = dns.message.make_response(query)
        response.answer.append(dns.rrset.from_text(query.question[0].name, ttl, "IN", "A", "192.0.2.7"))
        return response

    return reply


def code_answer(code: dns.rcode.Rcode) -> Reply:
    def reply(query: dns.message.Message) -> dns.message.Message:
        response = dns.message.make_response(query)
        response.set_rcode(code)
        return response

    return reply


class TestCache:
    async def test_an_answer_is_kept_for_its_time_and_no_longer(self) -> None:
        now = [0.0]
        async with scripted(address_answer(60)) as server:
            settings = DnsSettings((Server("127.0.0.1", server.port),))
            mine = DnsResolver(settings, lambda: now[0], Metrics())
            assert (await mine.look_up(q("x.example", Kind.A))).ttl == 60
            now[0] = 59.5
            assert (await mine.look_up(q("x.example", Kind.A))).ttl == 0
            assert len(server.asked) == 1
            now[0] = 60.0
            await mine.look_up(q("x.example", Kind.A))
            assert len(server.asked) == 2

    @pytest.mark.parametrize(("wait", "times"), [(resolver.TROUBLE_SECONDS - 0.1, 1), (resolver.TROUBLE_SECONDS, 2)])
    async def test_trouble_is_kept_for_seconds(self, wait: float, times: int) -> None:
        now = [0.0]
        async with scripted(code_answer(dns.rcode.SERVFAIL)) as server:
            mine = DnsResolver(DnsSettings((Server("127.0.0.1", server.port),)), lambda: now[0], Metrics())
            assert (await mine.look_up(q("x.example", Kind.A))).status is Status.TROUBLE
            now[0] = wait
            await mine.look_up(q("x.example", Kind.A))
            assert len(server.asked) == times

    async def test_absence_without_soa_is_not_kept(self) -> None:
        async with scripted(code_answer(dns.rcode.NXDOMAIN)) as server:
            mine = made(Server("127.0.0.1", server.port))
            for _ in range(2):
                assert (await mine.look_up(q("x.example", Kind.A))).status is Status.NO_NAME
            assert len(server.asked) == 2

    async def test_the_cache_is_bounded_and_forgets_what_was_not_asked_for(self) -> None:
        async with scripted(address_answer(60)) as server:
            mine = made(Server("127.0.0.1", server.port), entries=2)
            for name in ("a.example", "b.example", "a.example", "c.example", "a.example", "b.example"):
                await mine.look_up(q(name, Kind.A))
            assert [each.split()[0] for each in server.asked] == [
                "a.example.",
                "b.example.",
                "c.example.",
                "b.example.",
            ]

    async def test_look_ups_are_measured_and_remembered_answers_are_not(self) -> None:
        metrics = Metrics()
        async with scripted(address_answer(60)) as server:
            mine = DnsResolver(DnsSettings((Server("127.0.0.1", server.port),)), trio.current_time, metrics)
            for name in ("a.example", "a.example", "b.example"):
                await mine.look_up(q(name, Kind.A))
        series = b'moxtrio_dns_lookup_duration_seconds_count{pkg="dns",result="found",type="A"} 2.0'
        assert series in metrics.text()

    async def test_tasks_that_ask_the_same_share_one_question(self) -> None:
        async with scripted(address_answer(0)) as server:
            server.go = trio.Event()
            mine = made(Server("127.0.0.1", server.port))
            answers: list[Answer] = []

            async def ask() -> None:
                answers.append(await mine.look_up(q("x.example", Kind.A)))

            async with trio.open_nursery() as nursery:
                for _ in range(5):
                    nursery.start_soon(ask)
                await server.arrived.wait()
                await trio.testing.wait_all_tasks_blocked()
                server.go.set()
            assert [answer.records for answer in answers] == [("192.0.2.7",)] * 5
            assert len(server.asked) == 1

    async def test_a_cancelled_asker_leaves_the_question_to_the_others(self) -> None:
        async with scripted(address_answer(0)) as server:
            server.go = trio.Event()
            mine = made(Server("127.0.0.1", server.port))
            answers: list[Answer] = []

            async def ask(scope: trio.CancelScope) -> None:
                with scope:
                    answers.append(await mine.look_up(q("x.example", Kind.A)))

            first = trio.CancelScope()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(ask, first)
                await server.arrived.wait()
                nursery.start_soon(ask, trio.CancelScope())
                await trio.testing.wait_all_tasks_blocked()
                first.cancel()
                await trio.testing.wait_all_tasks_blocked()
                server.go.set()
            assert [answer.status for answer in answers] == [Status.FOUND]


def wanting(*rounds: list[Question]) -> Wanted:
    """Asks for the questions of a round when all before are answered."""

    def wanted(known: Known) -> list[Question]:
        for questions in rounds:
            missing = [each for each in questions if known(each) is None]
            if missing:
                return missing
        return []

    return wanted


class TestTogether:
    async def test_what_is_wanted_is_asked_from_one_port_and_then_known(self) -> None:
        names = [q(f"{letter}.example", Kind.A) for letter in "abcd"]
        async with scripted(address_answer(60)) as server:
            mine = made(Server("127.0.0.1", server.port))
            await mine.fetch(wanting(names[:3], names[3:]))
            assert len(set(server.peers)) == 1
            assert [known.records for each in names if (known := mine.maybe_known(each))] == [("192.0.2.7",)] * 4
            await mine.fetch(wanting(names[:1], names[1:]))
        assert len(server.asked) == 4

    async def test_what_may_not_be_kept_is_known_until_the_end(self) -> None:
        first, second = q("a.example", Kind.A), q("b.example", Kind.A)
        async with scripted(address_answer(0)) as server:
            mine = made(Server("127.0.0.1", server.port))
            await mine.fetch(wanting([first], [second]))
            assert (len(server.asked), mine.maybe_known(first)) == (2, None)

    async def test_who_asks_meanwhile_gets_the_same_answer(self) -> None:
        answers: list[Answer] = []
        async with scripted(address_answer(0)) as server:
            server.go = trio.Event()
            mine = made(Server("127.0.0.1", server.port))

            async def ask() -> None:
                answers.append(await mine.look_up(q("a.example", Kind.A)))

            async with trio.open_nursery() as nursery:
                nursery.start_soon(mine.fetch, wanting([q("a.example", Kind.A)]))
                await server.arrived.wait()
                nursery.start_soon(ask)
                await trio.testing.wait_all_tasks_blocked()
                server.go.set()
            assert ([each.records for each in answers], len(server.asked)) == ([("192.0.2.7",)], 1)

    async def test_trouble_is_left_to_the_look_up_and_stops_nothing_else(self) -> None:
        def reply(query: dns.message.Message) -> dns.message.Message | bytes | None:
            is_bad = query.question[0].name.to_text().startswith("bad")
            return (code_answer(dns.rcode.SERVFAIL) if is_bad else address_answer(60))(query)

        bad, good = q("bad.example", Kind.A), q("good.example", Kind.A)
        async with scripted(reply) as server:
            mine = made(Server("127.0.0.1", server.port))
            await mine.fetch(wanting([bad, good]))
            assert (mine.maybe_known(bad), mine.maybe_known(good) is None) == (None, False)
            assert (await mine.look_up(bad)).status is Status.TROUBLE

    async def test_what_is_late_is_not_waited_for_and_can_be_asked_again(self) -> None:
        question = q("x.example", Kind.A)
        async with scripted(lambda _: None) as server:
            mine = made(Server("127.0.0.1", server.port), timeout=0.2)
            await mine.fetch(wanting([question]))
            assert mine.maybe_known(question) is None
            server.reply = address_answer(60)
            assert (await mine.look_up(question)).status is Status.FOUND

    async def test_nobody_to_ask_is_no_error(self) -> None:
        mine = made(Server("127.0.0.1", shared_server.free_ports(1)[0]), timeout=0.2)
        await mine.fetch(wanting([q("x.example", Kind.A)]))
        assert (await mine.look_up(q("x.example", Kind.A))).status is Status.TROUBLE

    async def test_from_one_port_not_more_is_asked_than_is_safe(self) -> None:
        names = [q(f"{number}.example", Kind.A) for number in range(resolver.MOST_TOGETHER + 1)]
        async with scripted(address_answer(60)) as server:
            mine = made(Server("127.0.0.1", server.port))
            await mine.fetch(wanting(names))
            assert len(server.asked) == resolver.MOST_TOGETHER

    async def test_when_it_is_cancelled_others_ask_themselves(self) -> None:
        async with scripted(address_answer(60)) as server:
            server.go = trio.Event()
            mine = made(Server("127.0.0.1", server.port))
            with trio.CancelScope() as scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(mine.fetch, wanting([q("x.example", Kind.A)]))
                    await server.arrived.wait()
                    scope.cancel()
            server.go.set()
            assert (await mine.look_up(q("x.example", Kind.A))).status is Status.FOUND


class TestTrouble:
    async def test_a_referral_is_not_kept(self) -> None:
        def reply(query: dns.message.Message) -> dns.message.Message:
            response = dns.message.make_response(query)
            response.authority.append(dns.rrset.from_text("example.", 600, "IN", "NS", "ns.example."))
            return response

        async with scripted(reply) as server:
            answer = await made(Server("127.0.0.1", server.port)).look_up(q("x.example", Kind.A))
        assert (answer.status, answer.ttl) == (Status.NO_DATA, 0)

    async def test_what_does_not_belong_to_the_question_is_not_an_answer(self) -> None:
        def reply(query: dns.message.Message) -> dns.message.Message:
            other = dns.message.make_query("other.example", "A")
            other.id = query.id
            response = dns.message.make_response(other)
            response.answer.append(dns.rrset.from_text("other.example.", 60, "IN", "A", "192.0.2.66"))
            return response

        async with scripted(reply) as server:
            answer = await made(Server("127.0.0.1", server.port), timeout=0.2).look_up(q("x.example", Kind.A))
        assert (answer.status, answer.records) == (Status.TROUBLE, ())

    @pytest.mark.parametrize("rubbish", [b"", b"\0", struct.pack("!HHHHHH", 1, 0x8180, 1, 1, 0, 0) + b"\xc0\x0c" * 9])
    async def test_rubbish_is_not_an_answer(self, rubbish: bytes) -> None:
        async with scripted(lambda query: query.to_wire()[:2] + rubbish[2:]) as server:
            answer = await made(Server("127.0.0.1", server.port), timeout=0.2).look_up(q("x.example", Kind.A))
        assert answer.status is Status.TROUBLE

    async def test_a_silent_resolver_is_passed_over_and_asked_last_from_then_on(self) -> None:
        async with scripted(lambda _: None) as silent, scripted(address_answer(0)) as good:
            mine = made(Server("127.0.0.1", silent.port), Server("127.0.0.1", good.port), timeout=2.0)
            for _ in range(3):
                assert (await mine.look_up(q("x.example", Kind.A))).status is Status.FOUND
            assert (len(silent.asked), len(good.asked)) == (1, 3)

    async def test_who_refuses_is_passed_over(self) -> None:
        async with scripted(code_answer(dns.rcode.REFUSED)) as refusing, scripted(address_answer(9)) as good:
            mine = made(Server("127.0.0.1", refusing.port), Server("127.0.0.1", good.port))
            assert (await mine.look_up(q("x.example", Kind.A))).status is Status.FOUND

    async def test_a_loop_of_aliases_is_trouble(self) -> None:
        def reply(query: dns.message.Message) -> dns.message.Message:
            response = dns.message.make_response(query)
            for name, target in (("x.example.", "y.example."), ("y.example.", "x.example.")):
                response.answer.append(dns.rrset.from_text(name, 60, "IN", "CNAME", target))
            return response

        async with scripted(reply) as server:
            answer = await made(Server("127.0.0.1", server.port)).look_up(q("x.example", Kind.A))
        assert answer.status is Status.TROUBLE


class TestSettings:
    def test_resolv_conf_names_servers_and_whom_to_trust(self, tmp_path: Path) -> None:
        file = tmp_path / "resolv.conf"
        file.write_text("# x\nsearch a.example\nnameserver 192.0.2.1\nnameserver what\nnameserver ::1\noptions edns0\n")
        settings = DnsSettings.of(resolv_conf=file)
        assert settings.servers == (Server("192.0.2.1", 53, False), Server("::1", 53, True))
        file.write_text("nameserver 192.0.2.1\noptions trust-ad\n")
        assert DnsSettings.of(resolv_conf=file).servers == (Server("192.0.2.1", 53, True),)

    def test_without_resolv_conf_it_is_this_machine(self, tmp_path: Path) -> None:
        assert DnsSettings.of(resolv_conf=tmp_path / "none").servers == (Server("127.0.0.1", 53, True),)

    @pytest.mark.parametrize(("trust", "trusted"), [(None, True), (True, True), (False, False)])
    def test_configured_resolvers_are_trusted_unless_the_configuration_says_otherwise(
        self, trust: bool | None, trusted: bool
    ) -> None:
        assert DnsSettings.of(["192.0.2.1"], trust, port=99).servers == (Server("192.0.2.1", 99, trusted),)


class TestLocal:
    @pytest.mark.parametrize(
        ("name", "kind", "expected"),
        [
            ("localhost", Kind.A, Answer(Status.FOUND, ("127.0.0.1",), ttl=60)),
            ("host.example", Kind.AAAA, Answer(Status.FOUND, ("::1",), ttl=60)),
            ("any.example", Kind.MX, Answer(Status.FOUND, (Mx(10, "host.example"),), ttl=60)),
            ("any.example", Kind.A, Answer(Status.NO_DATA, ttl=60)),
            ("any.example", Kind.TXT, Answer(Status.NO_DATA, ttl=60)),
            ("_dmarc.any.example", Kind.TXT, Answer(Status.NO_NAME, ttl=60)),
            ("s._domainkey.any.example", Kind.TXT, Answer(Status.NO_NAME, ttl=60)),
            ("1.0.0.127.in-addr.arpa", Kind.PTR, Answer(Status.FOUND, ("host.example",), ttl=60)),
            ("1.2.0.192.in-addr.arpa", Kind.PTR, Answer(Status.NO_NAME, ttl=60)),
        ],
    )
    async def test_every_domain_takes_mail_here_and_says_nothing_more(
        self, name: str, kind: Kind, expected: Answer
    ) -> None:
        assert await LocalResolver("host.example").look_up(q(name, kind)) == expected


def test_a_question_is_written_as_the_library_would() -> None:
    wire = dns_exchange.maybe_query(q("_dmarc.x.example", Kind.TXT), b"\x12\x67")
    assert wire is not None
    message = dns.message.from_wire(wire)
    assert message.id == 0x1267
    assert message.question[0].to_text() == "_dmarc.x.example. IN TXT"
    assert (message.edns, message.payload) == (0, dns_exchange.PAYLOAD)
