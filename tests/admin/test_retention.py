"""Old mail goes where the document says so, and nowhere else."""

from mox_trio.admin import accounts, retention
from mox_trio.mailstore import mailboxes
from mox_trio.mailstore.store import DAY
from tests.admin.conftest import Office
from tests.kit import stores


async def counts(office: Office, account: str) -> dict[str, int]:
    handle = await accounts.opened(office.desk, account)
    return {box.name: box.messages for box in await mailboxes.listed(office.desk.mail, handle)}


async def test_mail_goes_when_it_is_older_than_its_mailbox_keeps_it(office: Office) -> None:
    store = office.desk.mail
    for name in ("ann", "bob"):
        account = await accounts.opened(office.desk, name)
        for mailbox in ("Inbox", "Trash", "Junk"):
            await stores.put(store, account, stores.message(mailbox), mailbox)
    office.clock.ahead = 13 * DAY
    assert await retention.run(office.desk) == 0
    office.clock.ahead = 15 * DAY
    assert await retention.run(office.desk) == 1
    assert (await counts(office, "ann"))["Junk"] == 0
    await stores.put(store, await accounts.opened(office.desk, "ann"), stores.message("later"), "Trash")
    office.clock.ahead = 31 * DAY
    assert await retention.run(office.desk) == 1
    assert await retention.run(office.desk) == 0
    kept = await counts(office, "ann")
    assert (kept["Inbox"], kept["Trash"], kept["Junk"]) == (1, 1, 0)
    kept = await counts(office, "bob")
    assert (kept["Inbox"], kept["Trash"], kept["Junk"]) == (1, 1, 1)
