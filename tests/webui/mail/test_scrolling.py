"""A page that scrolls fast asks for many windows; it gets the last one, and stays connected."""

from tests.kit.localserve import LocalServer
from tests.webui.mail import talking


async def test_of_many_windows_the_last_one_is_answered(server: LocalServer) -> None:
    await talking.deliver(server, *(talking.mail(f"scrolled {number}") for number in range(20)))
    async with talking.logged_in(server) as browser, browser.page() as page:
        await page.look(1, mailbox=page.box("inbox"), threads=False)
        for start in range(300):
            await page.say(t="window", view=1, start=start % 15, stop=start % 15 + 2)
        await page.say(t="window", view=1, start=17, stop=19)
        listed = await page.hear("list", lambda message: message["start"] == 17)
        assert len(listed["rows"]) == 2
        assert await page.call("rules") == []
