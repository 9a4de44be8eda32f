"""The account: its password, passwords of programs, who is logged in, and who tried to be.

What changes a password asks for the one in force, and counts what is wrong as any failed login. A new main password ends all
other sessions. The secret of a generated password is said once.
"""

from typing import Final

from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore import attempts, credentials, passwords, web_sessions
from mox_trio.mailstore.logins import Protocols
from webui.mail import confirming
from webui.mail.desk import Arguments, Desk, Json, Operation

SHOWN: Final = 200
"""Attempts to log in that are shown."""
OPENS: Final = {
    "imap": Protocols.IMAP,
    "submission": Protocols.SUBMISSION,
    "webapi": Protocols.WEBAPI,
}
"""What a password of a program can open."""


async def set_password(at: Desk, arguments: Arguments) -> Json:
    """passwordSet {password, new}: a new main password, or with an empty `new` a generated one, which is returned.

    CREDENTIALS, INVALID (too short, or the administrator allows generated ones only), RATE, TRY_LATER.
    """
    await confirming.password(at, arguments)
    chosen = arguments.text("new", most=1000)
    settings = at.snapshot.dynamic.accounts.get(at.account.name)
    if chosen and settings is not None and not settings.custom_password:
        raise Failure(Kind.POLICY, "your administrator allows generated passwords only")
    made = "" if chosen else passwords.generated(at.store.entropy(passwords.GENERATED_BYTES))
    kept = at.guest.session.hash
    await credentials.set_password(at.web.services.logins, at.account, chosen or made, keep_session=kept)
    at.endings.tell(at.account.id)
    return {"generated": made}


async def listed(at: Desk, arguments: Arguments) -> Json:
    """credentials {}: what can be logged in with."""
    return [
        {
            "id": each.id,
            "kind": each.kind,
            "name": each.name,
            "opens": [name for name, bit in OPENS.items() if each.protocols & bit],
            "created": each.created,
            "lastUsed": each.last_used,
            "expires": each.expires,
        }
        for each in await credentials.list_credentials(at.web.services.logins, at.account)
    ]


async def add_app_password(at: Desk, arguments: Arguments) -> Json:
    """appPasswordAdd {password, name, opens, expires?}: for one program. CREDENTIALS, INVALID, LIMIT."""
    await confirming.password(at, arguments)
    opens = Protocols(0)
    for name in arguments.texts("opens"):
        if name not in OPENS:
            raise Failure(Kind.INVALID, f"no password opens {name}")
        opens |= OPENS[name]
    expires = arguments.number("expires", 0) or None
    terms = credentials.Terms(arguments.text("name", most=100).strip(), opens, expires)
    made = await credentials.add_app_password(at.web.services.logins, at.account, terms)
    return {"secret": made.secret, "id": made.credential.id}


async def remove(at: Desk, arguments: Arguments) -> Json:
    """credentialRemove {id}: one that is not the main password. NOT_FOUND, FORBIDDEN."""
    number = arguments.number("id")
    every = await credentials.list_credentials(at.web.services.logins, at.account)
    if any(each.id == number and each.kind == "main" for each in every):
        raise Failure(Kind.FORBIDDEN, "the main password can be changed, not removed")
    await credentials.remove_credential(at.web.services.logins, at.account, number)
    return {}


async def sessions(at: Desk, arguments: Arguments) -> Json:
    """sessions {}: who is logged in to web pages, the last used first."""
    return [
        {
            "id": each.hash.hex(),
            "kind": each.kind,
            "login": each.login,
            "ip": each.remote_ip,
            "agent": each.user_agent,
            "created": each.created,
            "lastUsed": each.last_used,
            "isThis": each.hash == at.guest.session.hash,
        }
        for each in await web_sessions.listed(at.store, at.account.id, at.account.name)
    ]


async def end_session(at: Desk, arguments: Arguments) -> Json:
    """sessionEnd {id?, all?}: one session, all others, or with `all` this one too."""
    given = arguments.text("id", "", 64)
    if not given:
        kept = b"" if arguments.truth("all") else at.guest.session.hash
        ended = await web_sessions.end_others(at.store, at.account.id, kept)
        at.endings.tell(at.account.id)
        return {"ended": ended}
    try:
        token_hash = bytes.fromhex(given)
    except ValueError:
        raise Failure(Kind.INVALID, "this is no id of a session") from None
    if not await web_sessions.end(at.store, at.account.id, token_hash):
        raise Failure(Kind.NOT_FOUND, "the session has ended already")
    at.endings.tell(at.account.id)
    return {"ended": 1}


async def tried(at: Desk, arguments: Arguments) -> Json:
    """attempts {}: the last attempts to log in, by every protocol."""
    return [
        {
            "login": each.login,
            "ip": each.remote_ip,
            "tls": each.tls,
            "protocol": each.protocol,
            "mechanism": each.mechanism,
            "result": each.result,
            "agent": each.user_agent,
            "first": each.first,
            "last": each.last,
            "times": each.times,
        }
        for each in await attempts.latest(at.store, at.account, SHOWN)
    ]


OPERATIONS: Final[dict[str, Operation]] = {
    "passwordSet": set_password,
    "credentials": listed,
    "appPasswordAdd": add_app_password,
    "credentialRemove": remove,
    "sessions": sessions,
    "sessionEnd": end_session,
    "attempts": tried,
}
