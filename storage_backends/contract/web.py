"""What every index promises about the rows of the HTTP API, of webhook calls and of one-time codes, as tests: a later call about
a recipient supersedes one that waits, attempts are counted before they are made, an answer is remembered once, a code is taken
once. The test file of an engine derives from `WebContract` as it does from `index.IndexContract`.
"""

from functools import partial

from storage_backends.contract import index_rows
from storage_backends.contract.index import Opener
from storage_backends.contract.queue import message, recipient
from storage_backends.index.api import NO_ACCOUNT, AccountId, Index, Transaction
from storage_backends.index.tables import api_requests, client_certificates, credentials, hooks, queue, totp
from storage_backends.index.tables.api_requests import Answered, Extra, KeyRow
from storage_backends.index.tables.credentials import NewCredential
from storage_backends.index.tables.hooks import NewHook, Settling, WebhookRow

NOW = 1_700_000_000_000
URL = "https://a.example/"


def hook(account: AccountId, queued: int = 0, url: str = URL) -> NewHook:
    """A call that is due."""
    return NewHook(account, "Hx", "outgoing", url, "delivered", queued, b"{}", NOW, NOW)


async def added(index: Index, new: NewHook) -> int:
    """Add a call; its id."""
    return await index.write([new.account_id], partial(hooks.add, new=new, kept=NOW + 5))


async def states(index: Index, account: AccountId) -> list[str]:
    """Of all calls, the newest first."""
    rows = await index.read(partial(hooks.listed, account=account, before=2**62))
    return [row.state for row in rows]


class WebContract:
    """Derive and give a fixture `opener`."""

    async def test_urls_are_set_replaced_and_removed(self, opener: Opener) -> None:
        async with opener() as index:
            account = await index_rows.account(index, "ann")
            for url in (URL, "https://b.example/"):
                row = WebhookRow(account, "outgoing", url, b"a", b"s", "", NOW)
                await index.write([account], partial(hooks.set_webhook, row=row))
            assert [row.url for row in await index.read(hooks.webhooks)] == ["https://b.example/"]
            remove = partial(hooks.remove_webhook, account=account, direction="outgoing")
            assert [await index.write([account], remove) for _ in range(2)] == [True, False]

    async def test_a_later_call_about_a_recipient_supersedes_one_that_waits(self, opener: Opener) -> None:
        async with opener() as index:
            account = await index_rows.account(index, "ann")
            for queued in (7, 8, 7, 0, 0):
                await added(index, hook(account, queued))
            waiting = hooks.WAITING
            assert await states(index, account) == [waiting, waiting, waiting, waiting, hooks.SUPERSEDED]

    async def test_the_call_that_is_due_longest_is_made_first(self, opener: Opener) -> None:
        async with opener() as index:
            account = await index_rows.account(index, "ann")
            first = await added(index, hook(account))
            await added(index, hook(account)._replace(next_attempt=NOW - 1, url="https://b.example/"))
            later = await added(index, hook(account)._replace(next_attempt=NOW + 9))
            assert await index.read(partial(hooks.due_urls, now=NOW, most=9)) == ["https://b.example/", URL]
            found = await index.read(partial(hooks.first_due, url=URL, now=NOW))
            assert found is not None
            assert found.id == first
            assert await index.write(NO_ACCOUNT, partial(hooks.begin, hook_id=first, next_attempt=NOW + 60))
            assert await index.read(partial(hooks.first_due, url=URL, now=NOW)) is None
            assert await index.read(hooks.next_due) == NOW - 1
            after = await index.read(partial(hooks.first_due, url=URL, now=NOW + 99))
            assert after is not None
            assert after.id == later
            rows = await index.read(partial(hooks.listed, account=account, before=first + 1))
            assert [(row.id, row.attempts) for row in rows] == [(first, 1)]

    async def test_a_call_that_was_canceled_is_not_settled(self, opener: Opener) -> None:
        async with opener() as index:
            account = await index_rows.account(index, "ann")
            number = await added(index, hook(account))
            cancel = partial(hooks.cancel, account=account, ids=[number], now=NOW, kept=NOW + 5)
            assert [await index.write([account], cancel) for _ in range(2)] == [1, 0]
            done = Settling(hooks.DELIVERED, NOW, "[]", NOW, NOW + 5)
            settle = partial(hooks.settle, hook_id=number, settling=done)
            assert not await index.write(NO_ACCOUNT, settle)
            replay = partial(hooks.replay, account=account, ids=[number], now=NOW)
            assert await index.write([account], replay) == 1
            assert await index.write(NO_ACCOUNT, settle)
            assert await states(index, account) == [hooks.DELIVERED]
            assert await index.write(NO_ACCOUNT, partial(hooks.prune, now=NOW)) == 0
            assert await index.write(NO_ACCOUNT, partial(hooks.prune, now=NOW + 5)) == 1

    async def test_an_answer_is_remembered_once_and_forgotten_in_time(self, opener: Opener) -> None:
        async with opener() as index:
            account = await index_rows.account(index, "ann")
            remember = partial(api_requests.remember, row=Answered(account, "k", b"r", b"a", NOW))
            assert [await index.write([account], remember) for _ in range(2)] == [True, False]
            found = await index.read(partial(api_requests.answered, account=account, name="k"))
            assert found == Answered(account, "k", b"r", b"a", NOW)
            assert await index.write(NO_ACCOUNT, partial(api_requests.forget, before=NOW)) == 0
            assert await index.write(NO_ACCOUNT, partial(api_requests.forget, before=NOW + 1)) == 1
            assert await index.read(partial(api_requests.answered, account=account, name="k")) is None

    async def test_what_is_to_be_repeated_stays_as_long_as_the_message(self, opener: Opener) -> None:
        async with opener() as index:
            account = await index_rows.account(index, "ann")

            def unit(tx: Transaction) -> int:
                outgoing, _ = queue.add(tx, message(account), [recipient("b")])()
                api_requests.add_extra(tx, Extra(outgoing, account, "Q", b"e"))
                api_requests.add_extra(tx, Extra(outgoing + 1, account, "Q", b"gone"))
                return outgoing

            outgoing = await index.write([account], unit)
            assert await index.write(NO_ACCOUNT, api_requests.prune_extras) == 1
            kept = await index.read(partial(api_requests.extra_of, outgoing_id=outgoing))
            assert kept == Extra(outgoing, account, "Q", b"e")

    async def test_what_a_key_opens_goes_with_the_key(self, opener: Opener) -> None:
        async with opener() as index:
            account = await index_rows.account(index, "ann")

            def unit(tx: Transaction) -> int:
                number = credentials.add(tx, NewCredential(account, "api", "k", b"h", 8, NOW, None))
                api_requests.add_key(tx, KeyRow(number, 3, ""))
                return number

            number = await index.write([account], unit)
            keys = partial(api_requests.keys, credential_ids=[number])
            assert await index.read(keys) == {number: KeyRow(number, 3, "")}
            await index.write([account], partial(credentials.remove, account_id=account, credential_id=number))
            assert await index.read(keys) == {}

    async def test_a_one_time_code_is_taken_once(self, opener: Opener) -> None:
        async with opener() as index:
            account = await index_rows.account(index, "ann")
            begin = partial(totp.begin, account_id=account)
            assert await index.write(NO_ACCOUNT, partial(begin, secret=b"one"))
            assert await index.write(NO_ACCOUNT, partial(begin, secret=b"two"))
            assert not await index.read(partial(totp.is_on, account_id=account))
            confirm = partial(totp.confirm, account_id=account, step=7, now=NOW)
            assert [await index.write([account], confirm) for _ in range(2)] == [True, False]
            assert not await index.write(NO_ACCOUNT, partial(begin, secret=b"three"))
            take = partial(totp.take, account_id=account)
            taken = [await index.write(NO_ACCOUNT, partial(take, step=step)) for step in (7, 8, 8, 6, 9)]
            assert taken == [False, True, False, False, True]
            for anew in (True, False):
                await index.write(NO_ACCOUNT, partial(totp.count_wrong, account_id=account, now=NOW + 1, anew=anew))
            row = await index.read(partial(totp.find, account_id=account))
            assert row == totp.TotpRow(account, b"two", NOW, 9, 2, NOW + 1)
            await index.write(NO_ACCOUNT, partial(totp.set_codes, account_id=account, hashes=[b"a", b"b"]))
            use = partial(totp.use_code, account_id=account, digest=b"a")
            assert [await index.write(NO_ACCOUNT, use) for _ in range(2)] == [True, False]
            assert await index.read(partial(totp.codes_left, account_id=account)) == 1
            remove = partial(totp.remove, account_id=account)
            assert [await index.write([account], remove) for _ in range(2)] == [True, False]
            assert await index.read(partial(totp.codes_left, account_id=account)) == 0

    async def test_a_certificate_is_changed_by_its_own_account_alone(self, opener: Opener) -> None:
        async with opener() as index:
            ann, bob = [await index_rows.account(index, name) for name in ("ann", "bob")]

            def unit(tx: Transaction) -> int:
                kind = client_certificates.CERTIFICATE
                number = credentials.add(tx, NewCredential(ann, kind, "laptop", b"h", 1, NOW, None))
                client_certificates.add(tx, number, "ann@example.org", b"der")
                return number

            number = await index.write([ann], unit)
            changes = [
                await index.write(
                    [account],
                    partial(
                        client_certificates.change, account_id=account, credential_id=number, name="old", asks=True
                    ),
                )
                for account in (bob, ann)
            ]
            assert changes == [False, True]
            (row,) = await index.read(partial(client_certificates.of_account, account_id=ann))
            assert (row.credential_id, row.asks) == (number, 1)
            assert await index.read(partial(client_certificates.of_account, account_id=bob)) == []
