"""Imports and exports, as the settings have them."""

import gzip
import io
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.kit import mail_trees as trees
from tests.kit.localserve import LocalServer
from tests.webui.mail import talking

PART = 4096


async def brought(browser: talking.Browser, page: talking.Page, name: str, data: bytes, **more: Any) -> Any:
    """Bring a file in parts, and what became of it."""
    job = await page.call("importBegin", name=name, size=len(data), **more)
    for start in range(0, len(data), PART):
        part = data[start : start + PART]
        url = f"import/{job['id']}/{start}"
        answer = await browser.http.post(url, content=part, headers={"x-mox-csrf": browser.csrf})
        assert answer.status_code == 200, answer.text
    with trio.fail_after(talking.WAIT):
        while (job := await page.call("importState"))["state"] in ("receiving", "running"):  # noqa: ASYNC110
            await trio.sleep(0.05)
    return job


@pytest.mark.parametrize("kind", ["zip", "tgz", "mbox"])
async def test_mail_is_brought_in_parts_and_what_could_not_be_is_told(
    server: LocalServer, tmp_path: Path, kind: str
) -> None:
    files = trees.below("Letters", trees.maildir_of([1, 2, 3])) | {"notes.doc": b"no mail"}
    data = trees.mbox_of([1, 2, 3]) if kind == "mbox" else trees.write_as(kind, tmp_path, files).read_bytes()
    async with talking.logged_in(server) as browser, browser.page() as page:
        into = f"Brought/{kind}"
        job = await brought(browser, page, f"Letters.{kind}", data, mailbox=into)
        assert (job["state"], job["messages"], job["badTotal"]) == ("done", 3, 0 if kind == "mbox" else 1)
        name = into if kind == "mbox" else f"{into}/Letters"
        boxes = {each["name"]: each for each in (await page.call("accountAbout"))["mailboxes"]}
        assert boxes[name]["messages"] == 3
        again = await brought(browser, page, f"Letters.{kind}", data, mailbox=into, skipDuplicates=True)
        assert (again["messages"], again["duplicates"]) == (0, 3)


async def test_links_and_paths_that_lead_out_are_refused(server: LocalServer) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        link = tarfile.TarInfo("Box/cur/1.a:2,")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
        mail = trees.mbox_of([1])
        for name in ("/etc/x.mbox", "../../y.mbox", "fine.mbox"):
            info = tarfile.TarInfo(name)
            info.size = len(mail)
            archive.addfile(info, io.BytesIO(mail))
    async with talking.logged_in(server) as browser, browser.page() as page:
        job = await brought(browser, page, "a.tar", gzip.compress(out.getvalue()), mailbox="Hostile")
        assert (job["messages"], job["badTotal"]) == (1, 3)
        assert {reason for _, reason in job["bad"]} == {
            "its path leads out of the archive",
            "it is neither a file nor a directory",
        }


async def test_one_import_at_a_time_goes_on_after_a_lost_connection_and_can_be_canceled(server: LocalServer) -> None:
    data = trees.mbox_of(range(500))
    async with talking.logged_in(server) as browser, browser.page() as page:
        given = {"name": "a.mbox", "size": len(data), "mailbox": "Once"}
        job = await page.call("importBegin", **given)
        headers = {"x-mox-csrf": browser.csrf}
        await browser.http.post(f"import/{job['id']}/0", content=data[:PART], headers=headers)
        assert (await browser.http.post(f"import/{job['id']}/0", content=b"x", headers=headers)).status_code == 409
        assert (await browser.http.post(f"import/{job['id']}/{PART}", content=b"x")).status_code == 403
        with pytest.raises(talking.Refused, match="conflict"):
            await page.call("importBegin", **{**given, "name": "b.mbox"})
        assert (await page.call("importBegin", **given))["received"] == PART
        await page.call("importCancel")
        assert (await page.call("importState"))["state"] == "canceled"
        late = await browser.http.post(f"import/{job['id']}/{PART}", content=b"x", headers=headers)
        assert late.status_code == 404
        with pytest.raises(talking.Refused, match="not-found"):
            await page.call("importCancel")
        for size in (0, 2**50):
            with pytest.raises(talking.Refused, match="limit"):
                await page.call("importBegin", name="a", size=size)
        broken = await brought(browser, page, "a.doc", b"this is no mail at all", mailbox="Once")
        assert (broken["state"], "not a maildir" in broken["problem"]) == ("failed", True)


async def test_an_account_or_a_mailbox_is_exported_as_a_stream(server: LocalServer) -> None:
    await talking.deliver(server, talking.mail("to be exported"))
    async with talking.logged_in(server) as browser, browser.page() as page:
        whole = await browser.http.get("export-account", params={"format": "maildir", "container": "tgz"})
        assert "attachment" in whole.headers["content-disposition"]
        with tarfile.open(fileobj=io.BytesIO(whole.content)) as archive:
            assert any("/cur/" in name or name.startswith("cur/") for name in archive.getnames())
        chosen = {"format": "mbox", "mailbox": str(page.box("inbox"))}
        one = await browser.http.get("export-account", params=chosen)
        with zipfile.ZipFile(io.BytesIO(one.content)) as zipped:
            (name,) = zipped.namelist()
            assert b"Subject: to be exported" in zipped.read(name)
        for wrong in ({"format": "doc"}, {"mailbox": "x"}):
            assert (await browser.http.get("export-account", params=wrong)).status_code == 400
        assert (await browser.http.get("export-account", params={"mailbox": "999999"})).status_code == 404
    async with talking.browser(server) as nobody:
        assert (await nobody.http.get("export-account")).status_code == 401
