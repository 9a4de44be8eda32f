"""One-time codes of the account. The secret and the codes for the case of loss are said once."""

from typing import Final

import segno

from mox_trio.mailstore import totp
from mox_trio.protocol import one_time
from webui.mail import confirming
from webui.mail.desk import Arguments, Desk, Json, Operation

QUIET: Final = 4
"""Modules of nothing around the picture (ISO/IEC 18004 6.3.8)."""


async def state(at: Desk, arguments: Arguments) -> Json:
    """codes {}: since when they are on (0: off), and how many are left for the case of loss."""
    found = await totp.state(at.web.services.logins, at.account.id)
    return {"since": found.since, "left": found.codes_left}


async def begin(at: Desk, arguments: Arguments) -> Json:
    """codesBegin {password}: a secret, as text and as a picture for an authenticator. CREDENTIALS, EXISTS, RATE."""
    await confirming.password(at, arguments)
    secret = await totp.begin(at.web.services.logins, at.account)
    uri = one_time.uri(secret, str(at.guest.address), str(at.web.services.static.hostname))
    return {"secret": one_time.shown(secret), "uri": uri, **_picture(uri)}


def _picture(uri: str) -> dict[str, Json]:
    """The dark modules of a QR code as a path of SVG, and its size."""
    rows = list(segno.make(uri, error="m", micro=False).matrix)
    path = "".join(
        f"M{x + QUIET} {y + QUIET}h1v1h-1z" for y, row in enumerate(rows) for x, dark in enumerate(row) if dark
    )
    return {"size": len(rows) + 2 * QUIET, "path": path}


async def confirm(at: Desk, arguments: Arguments) -> Json:
    """codesConfirm {code}: switch them on; all other sessions end. CREDENTIALS, NOT_FOUND, RATE."""
    code, kept = arguments.text("code", most=totp.LONGEST), at.guest.session.hash
    codes = await confirming.counted(
        at, lambda: totp.confirm(at.web.services.logins, at.account, code, keep_session=kept)
    )
    at.endings.tell(at.account.id)
    return {"codes": list[Json](codes)}


async def renew(at: Desk, arguments: Arguments) -> Json:
    """codesNew {code}: others for the case of loss, in the place of all. CREDENTIALS, NOT_FOUND, RATE."""
    code = arguments.text("code", most=totp.LONGEST)
    codes = await confirming.counted(at, lambda: totp.new_codes(at.web.services.logins, at.account, code))
    return {"codes": list[Json](codes)}


async def switch_off(at: Desk, arguments: Arguments) -> Json:
    """codesOff {code}: ask for none any more. CREDENTIALS, NOT_FOUND, RATE."""
    code = arguments.text("code", most=totp.LONGEST)
    await confirming.counted(at, lambda: totp.switch_off(at.web.services.logins, at.account, code))
    return {}


OPERATIONS: Final[dict[str, Operation]] = {
    "codes": state,
    "codesBegin": begin,
    "codesConfirm": confirm,
    "codesNew": renew,
    "codesOff": switch_off,
}
