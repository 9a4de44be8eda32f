"""Logging in with passwords, keys and proofs: who is let in, who is not, and that nobody can tell why."""

import base64
import hashlib
import hmac
import logging
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import pytest
import sqlalchemy
import trio
import trio.testing
from argon2 import PasswordHasher

from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore import accounts, credentials, logins, passwords
from mox_trio.mailstore.credentials import Terms
from mox_trio.mailstore.logins import Login, Logins, Protocols, Settings
from mox_trio.mailstore.server_key import Sealing, ServerKey
from mox_trio.mailstore.store import Account, MailStore
from mox_trio.protocol.sasl import scram
from storage_backends.bodies.memory import MemoryStore
from storage_backends.errors import Corrupt
from storage_backends.index import open as opening
from storage_backends.index.api import Index
from storage_backends.index.tables import accounts as account_rows
from storage_backends.index.tables import credentials as rows

CHEAP = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
KEY = ServerKey(bytes(range(32)))
PASSWORD = "correct horse battery"


@dataclass
class Clock:
    now: int = 1_700_000_000_000

    def __call__(self) -> int:
        return self.now


@dataclass
class World:
    """A store with one account, "mia", and its log-ins."""

    store: MailStore
    account: Account
    logins: Logins
    clock: Clock
    path: Path

    async def app_password(self, name: str = "phone", **terms: object) -> credentials.Generated:
        chosen = replace(Terms(name, credentials.APP_PROTOCOLS), **terms)  # type: ignore[arg-type]
        return await credentials.add_app_password(self.logins, self.account, chosen)

    async def by_password(self, password: str, protocol: Protocols = Protocols.IMAP, name: str = "mia") -> Login:
        return await logins.verify_password(self.logins, name, password, protocol)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    path = tmp_path / "index.sqlite"
    index = await opening.open_sqlite(path)
    yield await made(index, path)
    await index.aclose()


async def made(index: Index, path: Path) -> World:
    clock = Clock()
    store = MailStore(index, {"memory": MemoryStore()}, "memory", now=clock)
    account = await accounts.create(store, "mia")
    return World(store, account, Logins(store, KEY, hasher=CHEAP), clock, path)


def kind(caught: pytest.ExceptionInfo[Failure]) -> Kind:
    return caught.value.kind


async def test_the_main_password_opens_everything(world: World) -> None:
    await credentials.set_password(world.logins, world.account, PASSWORD)
    for protocol in Protocols:
        login = await world.by_password(PASSWORD, protocol)
        assert (login.account_id, login.account, login.kind) == (world.account.id, "mia", "main")


async def test_unknown_name_and_wrong_password_get_the_same_answer(world: World) -> None:
    await credentials.set_password(world.logins, world.account, PASSWORD)
    answers = []
    for name, password in (("mia", "wrong horse battery"), ("nobody", PASSWORD), ("mia", "\0"), ("mia", "x" * 2000)):
        with pytest.raises(Failure) as caught:
            await world.by_password(password, name=name)
        answers.append((caught.value.kind, str(caught.value)))
    assert set(answers) == {(Kind.CREDENTIALS, "user name or password is wrong")}


async def test_an_unknown_name_costs_one_hash_as_a_wrong_password_does(world: World) -> None:
    await credentials.set_password(world.logins, world.account, PASSWORD)
    hashed: list[bytes | str] = []

    class Counting(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:
            hashed.append(hash)
            return super().verify(hash, password)

    counted = Logins(world.store, KEY, hasher=Counting(time_cost=1, memory_cost=64, parallelism=1))
    for name in ("mia", "nobody"):
        with pytest.raises(Failure):
            await logins.verify_password(counted, name, "wrong horse battery", Protocols.IMAP)
    mine, nobodys = (each if isinstance(each, str) else each.decode() for each in hashed)
    assert mine.split("$")[:4] == nobodys.split("$")[:4]
    assert [len(part) for part in mine.split("$")] == [len(part) for part in nobodys.split("$")]


async def test_a_right_password_is_remembered_for_five_minutes_and_not_when_it_was_changed(world: World) -> None:
    verified = 0

    class Counting(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:
            nonlocal verified
            verified += 1
            return super().verify(hash, password)

    world.logins = Logins(world.store, KEY, hasher=Counting(time_cost=1, memory_cost=64, parallelism=1))
    await credentials.set_password(world.logins, world.account, PASSWORD)
    await world.by_password(PASSWORD)
    await world.by_password(PASSWORD)
    assert verified == 1
    world.clock.now += passwords.REMEMBERED
    await world.by_password(PASSWORD)
    assert verified == 2
    await credentials.set_password(world.logins, world.account, "another long password")
    with pytest.raises(Failure):
        await world.by_password(PASSWORD)
    assert verified == 3


async def test_many_connections_with_one_password_cost_one_hash_a_core(world: World) -> None:
    await credentials.set_password(world.logins, world.account, PASSWORD)
    verified = 0

    class Counting(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:
            nonlocal verified
            verified += 1
            return super().verify(hash, password)

    shared = passwords.Passwords(world.clock, Counting(time_cost=1, memory_cost=64, parallelism=1), cores=1)
    stored = await shared.hash(b"secret")
    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(shared.is_right, 1, stored, b"secret")
    assert verified == 1


async def test_beyond_the_queue_the_answer_is_try_later_and_no_more_run_than_cores(world: World) -> None:
    running = most = 0
    together = threading.Event()

    class Watching(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:
            nonlocal running, most
            running += 1
            most = max(most, running)
            if running == 2:
                together.set()
            try:
                assert together.wait(60)
                trio.from_thread.run(trio.testing.wait_all_tasks_blocked)
                return super().verify(hash, password)
            finally:
                running -= 1

    hasher = Watching(time_cost=1, memory_cost=64, parallelism=1)
    shared = passwords.Passwords(world.clock, hasher, cores=2, queue=3)
    answers: list[Kind | bool] = []

    async def attempt(number: int) -> None:
        try:
            answers.append(await shared.is_right(0, None, b"wrong %d" % number))
        except Failure as failure:
            answers.append(failure.kind)

    async with trio.open_nursery() as nursery:
        for number in range(8):
            nursery.start_soon(attempt, number)
    assert sorted(map(str, answers)) == ["False"] * 5 + ["Kind.TRY_LATER"] * 3
    assert most == 2


@pytest.mark.parametrize("password", ["short", "", "x" * 1001, "with\ncontrol characters"])
async def test_a_password_that_is_too_short_too_long_or_holds_controls_is_refused(world: World, password: str) -> None:
    with pytest.raises(Failure) as caught:
        await credentials.set_password(world.logins, world.account, password)
    assert kind(caught) is Kind.INVALID
    assert not password or password not in str(caught.value)


async def test_passwords_are_compared_as_opaque_strings(world: World) -> None:
    await credentials.set_password(world.logins, world.account, "pa\u00dfwo\u0308rt eins")
    await world.by_password("pa\u00dfw\u00f6rt\u00a0eins")
    with pytest.raises(Failure):
        await world.by_password("PA\u00dfw\u00f6rt eins")


async def test_an_app_password_opens_only_its_protocols_however_its_groups_are_typed(world: World) -> None:
    secret = (await world.app_password(protocols=Protocols.IMAP)).secret
    for typed in (secret, secret.upper(), secret.replace("-", ""), secret.replace("-", " ")):
        assert (await world.by_password(typed)).credential == "phone"
    with pytest.raises(Failure) as caught:
        await world.by_password(secret, Protocols.SUBMISSION)
    assert kind(caught) is Kind.CREDENTIALS
    assert "does not open SUBMISSION" in caught.value.private


async def test_generated_passwords_hold_140_bits_and_never_repeat() -> None:
    made = {passwords.generated(hashlib.sha256(b"%d" % number).digest()) for number in range(500)}
    assert len(made) == 500
    one = next(iter(made))
    assert [len(group) for group in one.split("-")] == [4] * 7
    assert passwords.generated(b"\xff" * 18) == "-".join(["zzzz"] * 7)
    assert len({each for word in made for each in word} - {"-"}) == 32


async def test_an_expired_app_password_is_refused(world: World) -> None:
    made = await world.app_password(expires=world.clock.now + 1000)
    await world.by_password(made.secret)
    world.clock.now += 1000
    with pytest.raises(Failure) as caught:
        await world.by_password(made.secret)
    assert kind(caught) is Kind.CREDENTIALS
    assert "expired" in caught.value.private
    with pytest.raises(Failure) as caught:
        await world.app_password(expires=world.clock.now)
    assert kind(caught) is Kind.INVALID


async def test_a_removed_credential_lets_nobody_in(world: World) -> None:
    made = await world.app_password()
    await world.by_password(made.secret)
    await credentials.remove_credential(world.logins, world.account, made.credential.id)
    with pytest.raises(Failure):
        await world.by_password(made.secret)
    with pytest.raises(Failure) as caught:
        await credentials.remove_credential(world.logins, world.account, made.credential.id)
    assert kind(caught) is Kind.NOT_FOUND


async def test_a_credential_of_another_account_cannot_be_removed(world: World) -> None:
    other = await accounts.create(world.store, "noah")
    made = await credentials.add_app_password(world.logins, other, Terms("tablet", Protocols.IMAP))
    with pytest.raises(Failure):
        await credentials.remove_credential(world.logins, world.account, made.credential.id)
    with pytest.raises(Failure):
        await world.by_password(made.secret)


async def test_an_api_key_needs_no_name_and_is_no_password(world: World) -> None:
    made = await credentials.add_api_key(world.logins, world.account, Terms("script", Protocols.WEBAPI))
    login = await logins.verify_api_key(world.logins, made.secret)
    assert (login.account, login.kind, login.credential) == ("mia", "api", "script")
    for attempt in (world.by_password(made.secret, Protocols.WEBAPI), logins.verify_api_key(world.logins, "0000-0000")):
        with pytest.raises(Failure) as caught:
            await attempt
        assert kind(caught) is Kind.CREDENTIALS


async def test_a_disabled_account_is_told_only_to_who_knows_its_password(world: World) -> None:
    await credentials.set_password(world.logins, world.account, PASSWORD)
    await accounts.set_disabled(world.store, "mia", disabled=True)
    with pytest.raises(Failure) as caught:
        await world.by_password(PASSWORD)
    assert kind(caught) is Kind.DISABLED
    with pytest.raises(Failure) as caught:
        await world.by_password("wrong horse battery")
    assert kind(caught) is Kind.CREDENTIALS


async def test_an_account_holds_a_bounded_number_of_credentials(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credentials, "MOST", 2)
    await world.app_password("one")
    await world.app_password("two")
    with pytest.raises(Failure) as caught:
        await world.app_password("three")
    assert kind(caught) is Kind.LIMIT


@pytest.mark.parametrize("name", ["", "x" * 101, "two\nlines"])
async def test_a_credential_has_a_name_of_one_line(world: World, name: str) -> None:
    with pytest.raises(Failure) as caught:
        await world.app_password(name)
    assert kind(caught) is Kind.INVALID


async def test_last_use_is_written_at_most_once_a_minute_and_wakes_no_session(world: World) -> None:
    made = await world.app_password()

    async def last_used() -> int | None:
        return (await credentials.list_credentials(world.logins, world.account))[0].last_used

    before = (await accounts.get(world.store, "mia")).modseq
    assert await last_used() is None
    first = world.clock.now
    await world.by_password(made.secret)
    assert await last_used() == first
    world.clock.now += 59_000
    await world.by_password(made.secret)
    assert await last_used() == first
    world.clock.now += 1_000
    await world.by_password(made.secret)
    assert await last_used() == world.clock.now
    written = world.clock.now
    world.clock.now += 59_000
    await logins.verify_password(Logins(world.store, KEY, hasher=CHEAP), "mia", made.secret, Protocols.IMAP)
    assert await last_used() == written  # another process has written it within the minute
    assert (await accounts.get(world.store, "mia")).modseq == before


# -- SCRAM


def client_proof(mechanism: scram.Mechanism, password: str, parameters: scram.Parameters, message: bytes) -> bytes:
    """What a client computes, written down once more from RFC 5802 3."""
    name = mechanism.hash_name
    salted = hashlib.pbkdf2_hmac(name, password.encode(), parameters.salt, parameters.iterations)
    client_key = hmac.new(salted, b"Client Key", name).digest()
    signature = hmac.new(hashlib.new(name, client_key).digest(), message, name).digest()
    return bytes(left ^ right for left, right in zip(client_key, signature, strict=True))


RFC_5802_5 = (
    scram.Mechanism.SHA1,
    scram.Parameters(base64.b64decode("QSXCR+Q6sek8bf92"), 4096),
    b"n=user,r=fyko+d2lbbFgONRv9qkxdawL,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096,"
    b"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j",
    "v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
    "rmF9pqV8S7suAoZWja4dJRkFsKQ=",
)
RFC_7677_3 = (
    scram.Mechanism.SHA256,
    scram.Parameters(base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ=="), 4096),
    b"n=user,r=rOprNGfwEbeRWgbNEkqO,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
    b"s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
    "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
    "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
)


@pytest.mark.parametrize(("mechanism", "parameters", "message", "sent", "answered"), [RFC_5802_5, RFC_7677_3])
def test_the_exchanges_of_the_standards_are_right(
    mechanism: scram.Mechanism, parameters: scram.Parameters, message: bytes, sent: str, answered: str
) -> None:
    keys = scram.derive(mechanism, b"pencil", parameters)
    proof = scram.Proof(mechanism, message, base64.b64decode(sent))
    assert scram.proves(proof, keys)
    assert base64.b64encode(scram.server_signature(proof, keys)).decode() == answered
    assert not scram.proves(proof, scram.derive(mechanism, b"pencils", parameters))
    assert not scram.proves(replace(proof, client_proof=proof.client_proof[:-1]), keys)
    assert not scram.proves(replace(proof, auth_message=message + b"x"), keys)
    assert scram.Keys.load(keys.dump()) == keys


@pytest.mark.parametrize("mechanism", scram.Mechanism)
async def test_a_scram_proof_of_any_password_for_the_protocol_logs_in(world: World, mechanism: scram.Mechanism) -> None:
    main = await credentials.set_password(world.logins, world.account, PASSWORD)
    phone = await world.app_password("phone")
    web = await world.app_password("web", protocols=Protocols.WEB)
    parameters = await logins.scram_parameters(world.logins, "mia", mechanism)

    async def attempt(password: str) -> tuple[Login, bytes]:
        proof = scram.Proof(mechanism, b"n=mia,...", client_proof(mechanism, password, parameters, b"n=mia,..."))
        return await logins.verify_scram(world.logins, "mia", proof, Protocols.IMAP)

    for password, expected in ((PASSWORD, main.id), (phone.secret, phone.credential.id)):
        login, signature = await attempt(password)
        assert login.credential_id == expected
        keys = scram.derive(mechanism, password.encode(), parameters)
        assert signature == hmac.new(keys.server_key, b"n=mia,...", mechanism.hash_name).digest()
    for password in (web.secret, "wrong horse battery"):
        with pytest.raises(Failure) as caught:
            await attempt(password)
        assert kind(caught) is Kind.CREDENTIALS


async def test_one_salt_serves_all_passwords_and_a_name_that_is_nobodys_has_one_too(world: World) -> None:
    mechanism = scram.Mechanism.SHA256
    before = await logins.scram_parameters(world.logins, "mia", mechanism)
    await world.app_password("one")
    await credentials.set_password(world.logins, world.account, PASSWORD)
    assert await logins.scram_parameters(world.logins, "mia", mechanism) == before
    nobody = await logins.scram_parameters(world.logins, "nobody", mechanism)
    again = await logins.scram_parameters(Logins(world.store, KEY, hasher=CHEAP), "nobody", mechanism)
    assert nobody == again
    assert (len(nobody.salt), nobody.iterations) == (len(before.salt), before.iterations)
    other = await logins.scram_parameters(world.logins, "nobody", scram.Mechanism.SHA1)
    assert len({before.salt, nobody.salt, other.salt}) == 3


async def test_the_salt_of_an_account_stays_when_the_settings_change(world: World) -> None:
    await credentials.set_password(world.logins, world.account, PASSWORD)
    changed = Logins(world.store, KEY, Settings(iterations=20_000), CHEAP)
    for mechanism in scram.Mechanism:
        old = await logins.scram_parameters(world.logins, "mia", mechanism)
        assert await logins.scram_parameters(changed, "mia", mechanism) == old
        assert (await logins.scram_parameters(changed, "nobody", mechanism)).iterations == 20_000


async def test_a_proof_for_nobody_is_refused_like_a_wrong_one(world: World) -> None:
    proof = scram.Proof(scram.Mechanism.SHA1, b"message", bytes(20))
    with pytest.raises(Failure) as caught:
        await logins.verify_scram(world.logins, "nobody", proof, Protocols.IMAP)
    assert kind(caught) is Kind.CREDENTIALS


# -- CRAM-MD5


def test_the_server_key_makes_the_example_of_rfc_2195() -> None:
    challenge = b"<1896.697170952@postoffice.reston.mci.net>"
    assert hmac.digest(b"tanstaaftanstaaf", challenge, "md5").hex() == "b913a602c7eda7a495b4e6e7334d3890"


async def test_cram_md5_works_with_app_passwords_and_only_if_set_with_the_main_one(world: World) -> None:
    made = await world.app_password()
    await credentials.set_password(world.logins, world.account, PASSWORD)

    async def attempt(password: str) -> Login:
        answer = hmac.digest(password.encode(), b"<1@host>", "md5").hex().encode()
        return await logins.verify_cram_md5(world.logins, "mia", b"<1@host>", answer, Protocols.IMAP)

    assert (await attempt(made.secret)).credential == "phone"
    with pytest.raises(Failure):
        await attempt(PASSWORD)
    world.logins = Logins(world.store, KEY, Settings(main_by_cram_md5=True), CHEAP)
    with pytest.raises(Failure):
        await attempt(PASSWORD)
    await credentials.set_password(world.logins, world.account, PASSWORD)
    assert (await attempt(PASSWORD)).kind == "main"


# -- what is kept


async def test_a_sealed_secret_that_was_changed_swapped_or_of_another_server_is_corrupt(world: World) -> None:
    made = await world.app_password()
    parameters = await logins.scram_parameters(world.logins, "mia", scram.Mechanism.SHA1)
    proof = scram.Proof(scram.Mechanism.SHA1, b"m", client_proof(scram.Mechanism.SHA1, made.secret, parameters, b"m"))
    row = (await world.store.index.read(lambda tx: rows.listed(tx, world.account.id)))[0]
    assert row.scram_sha1 is not None
    assert row.scram_sha256 is not None
    flipped = row.scram_sha1[:-1] + bytes([row.scram_sha1[-1] ^ 1])
    for stored in (flipped, row.scram_sha256, b"", row.scram_sha1[:20]):
        sealed = rows.Sealed(stored, stored, stored)
        await world.store.index.write([world.account.id], lambda tx, sealed=sealed: rows.seal(tx, row.id, sealed))  # type: ignore[misc]
        with pytest.raises(Corrupt):
            await logins.verify_scram(world.logins, "mia", proof, Protocols.IMAP)
        with pytest.raises(Corrupt):
            await logins.verify_cram_md5(world.logins, "mia", b"c", b"d", Protocols.IMAP)
    other = Logins(world.store, ServerKey(bytes(32)), hasher=CHEAP)
    with pytest.raises(Corrupt):
        await logins.verify_scram(other, "mia", proof, Protocols.IMAP)


async def test_one_corrupt_secret_does_not_keep_another_password_out(world: World) -> None:
    broken = await world.app_password("broken")
    good = await world.app_password("good")
    sealed = rows.Sealed(b"x", b"x", b"x")
    await world.store.index.write([world.account.id], lambda tx: rows.seal(tx, broken.credential.id, sealed))
    answer = hmac.digest(good.secret.encode(), b"c", "md5").hex().encode()
    login = await logins.verify_cram_md5(world.logins, "mia", b"c", answer, Protocols.IMAP)
    assert login.credential == "good"


async def test_a_hash_that_is_none_is_corrupt(world: World) -> None:
    await credentials.set_password(world.logins, world.account, PASSWORD)
    engine = sqlalchemy.create_engine(f"sqlite:///{world.path}")
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("UPDATE credential SET hash = x'00'"))
    engine.dispose()
    with pytest.raises(Corrupt):
        await world.by_password(PASSWORD)


async def test_neither_rows_nor_reprs_nor_logs_show_a_secret(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await credentials.set_password(world.logins, world.account, PASSWORD)
    made = await world.app_password()
    key = await credentials.add_api_key(world.logins, world.account, Terms("script", Protocols.WEBAPI))
    await world.by_password(PASSWORD)
    held = await world.store.index.read(lambda tx: rows.listed(tx, world.account.id))
    listed = await credentials.list_credentials(world.logins, world.account)
    derived = scram.derive(scram.Mechanism.SHA1, b"pencil", scram.Parameters(b"salt", 1))
    shown = repr([made, key, held, listed, KEY, Sealing(KEY), world.logins, derived, world.store]) + caplog.text
    secrets = [PASSWORD, made.secret, key.secret, KEY.key.hex(), repr(KEY.key), derived.stored_key.hex()]
    secrets += [repr(derived.stored_key), repr(derived.server_key), *(repr(row.hash) for row in held)]
    assert [secret for secret in secrets if secret in shown] == []
    kept = b"".join(path.read_bytes() for path in world.path.parent.rglob("index.sqlite*") if path.is_file())
    assert [secret for secret in secrets[:3] if secret.encode() in kept] == []


async def test_an_account_that_is_removed_takes_its_credentials_along(world: World) -> None:
    made = await world.app_password()
    await accounts.remove(world.store, "mia")
    with pytest.raises(Failure):
        await world.by_password(made.secret)
    again = await accounts.create(world.store, "mia")
    assert await credentials.list_credentials(world.logins, again) == []
    assert (await world.store.index.read(account_rows.all_rows))[0].id != world.account.id


async def test_credentials_live_on_postgres_too(postgres_database: str, tmp_path: Path) -> None:
    index = await opening.open_postgres(postgres_database)
    try:
        world = await made(index, tmp_path)
        await credentials.set_password(world.logins, world.account, PASSWORD)
        await credentials.set_password(world.logins, world.account, PASSWORD + "!")
        phone = await world.app_password(expires=world.clock.now + 1)
        key = await credentials.add_api_key(world.logins, world.account, Terms("script", Protocols.WEBAPI))
        assert (await world.by_password(PASSWORD + "!")).kind == "main"
        assert (await world.by_password(phone.secret)).kind == "app"
        assert (await logins.verify_api_key(world.logins, key.secret)).account == "mia"
        parameters = await logins.scram_parameters(world.logins, "mia", scram.Mechanism.SHA256)
        sent = client_proof(scram.Mechanism.SHA256, phone.secret, parameters, b"m")
        proof = scram.Proof(scram.Mechanism.SHA256, b"m", sent)
        login, _ = await logins.verify_scram(world.logins, "mia", proof, Protocols.IMAP)
        assert login.credential == "phone"
        await credentials.remove_credential(world.logins, world.account, phone.credential.id)
        listed = await credentials.list_credentials(world.logins, world.account)
        assert [(each.kind, each.last_used) for each in listed] == [("main", world.clock.now), ("api", world.clock.now)]
    finally:
        await index.aclose()
