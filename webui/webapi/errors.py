"""Why a method was not carried out: the codes that clients see, and which failure of the services becomes which."""

from typing import Final

from pydantic import ValidationError

from mox_trio.base.failure import Failure, Kind
from mox_trio.protocol.smtp.reply import Refusal
from mox_trio.protocol.webapi.shapes import CODES, Error

SHOWN: Final = 5
"""Problems of a request that are told at once."""
_REFUSALS: Final = {
    "badfrom": "badFrom",
    "badmailfrom": "badFrom",
    "badfromheader": "badFrom",
    "badfromid": "badFrom",
    "disabledfrom": "domainDisabled",
    "disabledrcpt": "domainDisabled",
    "unknownrcpt": "badAddress",
    "badrcpt": "badAddress",
    "messagelimiterror": "messageLimitReached",
    "recipientlimiterror": "recipientLimitReached",
}


class Refused(Exception):
    """The method was not carried out."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code if code in CODES else "server"
        self.message = message

    def to_error(self) -> Error:
        """As clients see it."""
        return Error(code=self.code, message=self.message)


def of_failure(failure: Failure, code: str = "") -> Refused:
    """A failure of the services; `code` is that of what a method cannot do for reasons of its own."""
    if failure.kind is Kind.QUOTA:
        return Refused("sentOverQuota", failure.public)
    if failure.kind.is_temporary:
        return Refused("server", failure.public)
    return Refused(code or "user", failure.public)


def of_refusal(refusal: Refusal) -> Refused:
    """Submission says no."""
    return Refused(_REFUSALS.get(refusal.reason, "user"), refusal.reply.text)


def of_validation(error: ValidationError) -> Refused:
    """The JSON is none of the method."""
    found = []
    for each in error.errors(include_url=False, include_context=False, include_input=False)[:SHOWN]:
        place = ".".join(map(str, each["loc"]))
        found.append(f"{place}: {each['msg']}" if place else each["msg"])
    return Refused("protocol", "; ".join(found))
