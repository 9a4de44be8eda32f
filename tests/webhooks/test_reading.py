"""What webhooks tell is mail: a key sees it, and has it told, only where it may read mail."""

from pathlib import Path

from trio.testing import MockClock

from tests.webhooks.test_calls import URL, opened, told
from tests.webui import calling


async def test_a_key_that_may_not_read_sees_calls_without_what_they_tell(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened(tmp_path, autojump_clock) as (api, receiver):
        await api.ok("WebhookSet", {"Direction": "outgoing", "URL": URL})
        await api.ok("WebhookSet", {"Direction": "incoming", "URL": URL})
        await api.ok("Send", calling.message("bob@one.example"))
        await told(receiver, 1)
        whole = api.authorization
        for scopes, is_told in ((["webhooks"], False), (["webhooks", "read"], True), ([], True)):
            api.authorization = whole
            made = await api.ok("KeyAdd", {"Name": "k", "Scopes": scopes})
            api.authorization = f"Bearer {made['Secret']}"
            (hook,) = (await api.ok("HookList"))["Hooks"]
            assert (hook["State"], hook["Payload"] != "") == ("delivered", is_told)
            incoming = await api.call("WebhookSet", {"Direction": "incoming", "URL": URL})
            assert (incoming.status == 200) is is_told
            await api.ok("WebhookSet", {"Direction": "outgoing", "URL": URL})
