"""Operations on accounts: the document first, then the rows."""

import pytest

from mox_trio.admin import accounts, domains, passwords
from mox_trio.base.failure import Failure, Kind
from mox_trio.base.quota import Quota
from mox_trio.config import edit
from mox_trio.config.problems import ConfigErrors
from mox_trio.config.source import Conflict, Document
from mox_trio.mailstore import accounts as rows
from tests.admin.conftest import Office


async def test_the_quota_is_the_accounts_own_else_that_of_all(office: Office) -> None:
    assert accounts.quota(office.desk, "ann") == Quota(1024**2)
    assert accounts.quota(office.desk, "bob") == Quota(5 * 1024**2)
    await accounts.change(office.desk, edit.set_value(("accounts", "ann", "quota"), "unlimited"))
    assert accounts.quota(office.desk, "ann") == Quota()
    assert accounts.quota(office.desk, "nobody") == Quota(5 * 1024**2)
    await accounts.change(office.desk, edit.set_value(("accounts", "ann", "quota_messages"), 1000))
    assert accounts.quota(office.desk, "ann") == Quota(0, 1000)


class Interrupted:
    """The document of a desk, which somebody edits whenever it was read."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self.name = "domains.toml"

    async def load(self) -> Document:
        document = await self._office.desk.source.load()
        with self._office.document.open("a") as stream:
            stream.write("# somebody was here\n")
        return document

    async def save(self, text: str, expected_version: str) -> Document:
        return await self._office.desk.source.save(text, expected_version)

    async def changed(self, since: str) -> None:
        await self._office.desk.source.changed(since)


async def test_an_edit_that_somebody_else_overtook_changes_nothing(office: Office) -> None:
    desk = office.desk
    overtaken = accounts.Desk(desk.static, Interrupted(office), desk.config, desk.mail)
    with pytest.raises(Conflict) as caught:
        await accounts.add(overtaken, "carl", [domains.parse_address("carl@example.org")])
    assert caught.value.kind.is_temporary
    text = office.document.read_text()
    assert "carl" not in text
    assert text.endswith("# somebody was here\n")
    assert [row.name for row in await rows.listed(desk.mail)] == []


async def test_what_would_make_the_document_wrong_is_not_written(office: Office) -> None:
    before = office.document.read_text()
    for address in ("carl@elsewhere.example", "bob@example.org"):
        with pytest.raises(ConfigErrors):
            await accounts.add(office.desk, "carl", [domains.parse_address(address)])
    assert office.document.read_text() == before
    assert "carl" not in office.desk.config.current.dynamic.accounts


async def test_changes_are_made_together_or_not_at_all(office: Office) -> None:
    before = office.document.read_text()
    good = edit.add_domain(domains.parse_domain("example.net"))
    with pytest.raises(Failure) as caught:
        await accounts.change(office.desk, good, good)
    assert caught.value.kind is Kind.EXISTS
    assert office.document.read_text() == before
    await accounts.change(office.desk, good, edit.add_address("bob", domains.parse_address("bob@example.net")))
    assert [each.name for each in domains.listed(office.desk)] == ["example.net", "example.org"]


async def test_a_removed_account_is_gone_from_document_and_rows(office: Office) -> None:
    await accounts.opened(office.desk, "ann")
    await accounts.remove(office.desk, "ann")
    assert [each.name for each in await accounts.listed(office.desk)] == ["bob"]
    assert "ann@" not in office.document.read_text()
    with pytest.raises(Failure) as caught:
        await accounts.remove(office.desk, "ann")
    assert caught.value.kind is Kind.NOT_FOUND


async def test_a_password_is_not_chosen_where_the_document_forbids_it(office: Office) -> None:
    assert (await passwords.choosing(office.desk, "ann")).name == "ann"
    await accounts.change(office.desk, edit.set_value(("accounts", "ann", "custom_password"), False))
    with pytest.raises(Failure, match="add-app-password ann") as caught:
        await passwords.choosing(office.desk, "ann")
    assert caught.value.kind is Kind.FORBIDDEN
