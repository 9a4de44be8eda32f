"""One-time codes: what they open and close, that each counts once, and what remains for who has lost them."""

import hashlib
import hmac
from functools import partial

import pytest
from argon2 import PasswordHasher

from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore import credentials, logins, totp
from mox_trio.mailstore.credentials import Terms
from mox_trio.mailstore.logins import Login, Logins, Protocols
from mox_trio.mailstore.server_key import ServerKey
from mox_trio.mailstore.store import Account
from mox_trio.mailstore.together import together
from mox_trio.protocol import one_time
from mox_trio.protocol.sasl import scram
from tests.kit.stores import Kit

CHEAP = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
PASSWORD = "correct horse battery"


@pytest.fixture
async def checks(kit: Kit, account: Account) -> Logins:
    made = Logins(kit.store, ServerKey(bytes(32)), hasher=CHEAP)
    await credentials.set_password(made, account, PASSWORD)
    return made


def code(checks: Logins, secret: bytes, ahead: int = 0) -> str:
    return one_time.code(secret, checks.store.now() // 30_000 + ahead)


async def switched_on(checks: Logins, account: Account) -> tuple[bytes, list[str]]:
    secret = await totp.begin(checks, account)
    return secret, await totp.confirm(checks, account, code(checks, secret, -1))


async def refused(checks: Logins, account: Account, given: str) -> Kind:
    with pytest.raises(Failure) as raised:
        await totp.check(checks, account.id, given)
    return raised.value.kind


async def by_password(checks: Logins, protocol: Protocols) -> Login:
    return await logins.verify_password(checks, "ann", PASSWORD, protocol)


async def test_nothing_changes_before_the_first_code_is_confirmed(checks: Logins, account: Account) -> None:
    secret = await totp.begin(checks, account)
    assert not await totp.is_on(checks, account.id)
    await by_password(checks, Protocols.IMAP)
    with pytest.raises(Failure):
        await totp.confirm(checks, account, "000000" if code(checks, secret) != "000000" else "111111")
    assert (await totp.begin(checks, account)) != secret


async def test_the_main_password_then_opens_web_pages_alone_until_codes_are_off(
    checks: Logins, account: Account
) -> None:
    phone = await credentials.add_app_password(checks, account, Terms("phone", credentials.APP_PROTOCOLS))
    secret, _ = await switched_on(checks, account)
    for _ in range(2):
        await by_password(checks, Protocols.WEB)
        for protocol in (Protocols.IMAP, Protocols.SUBMISSION, Protocols.WEBAPI):
            with pytest.raises(Failure, match="app password") as raised:
                await by_password(checks, protocol)
            assert raised.value.kind is Kind.FORBIDDEN
        # a password that is set meanwhile opens no more
        await credentials.set_password(checks, account, PASSWORD)
    await logins.verify_password(checks, "ann", phone.secret, Protocols.IMAP)
    with pytest.raises(Failure, match="wrong"):
        await logins.verify_password(checks, "ann", "wrong horse battery", Protocols.IMAP)
    with pytest.raises(Failure) as again:
        await totp.begin(checks, account)
    assert again.value.kind is Kind.EXISTS
    await totp.switch_off(checks, account, code(checks, secret))
    await by_password(checks, Protocols.IMAP)
    assert (await totp.state(checks, account.id)).codes_left == 0


async def test_scram_says_so_too_to_who_proves_the_main_password(checks: Logins, account: Account) -> None:
    await switched_on(checks, account)
    parameters = await logins.scram_parameters(checks, "ann", scram.Mechanism.SHA256)
    for password, expected in ((PASSWORD, Kind.FORBIDDEN), ("another", Kind.CREDENTIALS)):
        salted = hashlib.pbkdf2_hmac("sha256", password.encode(), parameters.salt, parameters.iterations)
        client_key = hmac.digest(salted, b"Client Key", "sha256")
        signature = hmac.digest(hashlib.sha256(client_key).digest(), b"said", "sha256")
        given = bytes(left ^ right for left, right in zip(client_key, signature, strict=True))
        with pytest.raises(Failure) as raised:
            await logins.verify_scram(
                checks, "ann", scram.Proof(scram.Mechanism.SHA256, b"said", given), Protocols.IMAP
            )
        assert raised.value.kind is expected


async def test_a_code_counts_once_also_of_two_that_come_at_once(checks: Logins, account: Account) -> None:
    secret, _ = await switched_on(checks, account)
    given = code(checks, secret)

    async def tried() -> bool:
        try:
            await totp.check(checks, account.id, f"{given[:3]} {given[3:]}")
        except Failure:
            return False
        return True

    assert sorted(await together([partial(tried) for _ in range(5)], 5)) == [False] * 4 + [True]
    assert await refused(checks, account, code(checks, secret, -1)) is Kind.CREDENTIALS
    await totp.check(checks, account.id, code(checks, secret, 1))


async def test_of_two_that_confirm_at_once_one_gets_the_codes_that_open(checks: Logins, account: Account) -> None:
    secret = await totp.begin(checks, account)
    first = code(checks, secret, -1)

    async def tried() -> list[str]:
        try:
            return await totp.confirm(checks, account, first)
        except Failure:
            return []

    (codes,) = [given for given in await together([partial(tried) for _ in range(5)], 5) if given]
    await totp.check(checks, account.id, codes[0])


async def test_each_code_for_the_case_of_loss_opens_once(checks: Logins, account: Account) -> None:
    secret, codes = await switched_on(checks, account)
    assert len(set(codes)) == totp.CODES
    await totp.check(checks, account.id, codes[0].upper().replace("-", ""))
    assert await refused(checks, account, codes[0]) is Kind.CREDENTIALS
    assert (await totp.state(checks, account.id)).codes_left == totp.CODES - 1
    fresh = await totp.new_codes(checks, account, code(checks, secret))
    assert await refused(checks, account, codes[1]) is Kind.CREDENTIALS
    await totp.check(checks, account.id, fresh[0])


async def test_who_guesses_codes_is_made_to_wait(kit: Kit, checks: Logins, account: Account) -> None:
    secret, codes = await switched_on(checks, account)
    for _ in range(totp.MOST_WRONG):
        assert await refused(checks, account, "no code") is Kind.CREDENTIALS
    assert await refused(checks, account, codes[0]) is Kind.RATE
    kit.clock.ahead += totp.WHILE
    await totp.check(checks, account.id, code(checks, secret))
    assert await refused(checks, account, "no code") is Kind.CREDENTIALS


async def test_who_administers_the_server_switches_codes_off(checks: Logins, account: Account) -> None:
    await switched_on(checks, account)
    await totp.switch_off_without(checks, account)
    await by_password(checks, Protocols.IMAP)
    with pytest.raises(Failure) as raised:
        await totp.switch_off_without(checks, account)
    assert raised.value.kind is Kind.NOT_FOUND
