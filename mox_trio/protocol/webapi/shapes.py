"""What the types of the API are made of: JSON objects whose names are written as Go programs write them.

`message_id` is MessageID, `cc` is CC. In requests null is the same as absent, names are taken in any case, unknown names are an
error. Results have every field; lists and tables that are empty are [] and {}.
"""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    PlainSerializer,
    Strict,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

_UPPER: Final = frozenset({"api", "bcc", "cc", "dkim", "dsn", "html", "id", "ip", "ms", "smtp", "tls", "url"})
_SPELLED: Final = {"ids": "IDs", "msgid": "MsgID", "msgids": "MsgIDs"}


def json_name(name: str) -> str:
    """The name of a field in JSON."""
    words = name.strip("_").split("_")
    return "".join(_SPELLED.get(word) or (word.upper() if word in _UPPER else word.capitalize()) for word in words)


def rfc3339(moment: datetime) -> str:
    """An instant as JSON has it."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def instant(milliseconds: int) -> datetime:
    """An instant from milliseconds since 1970 UTC."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


Int = Annotated[int, Strict(), Field(ge=-(2**63), lt=2**63)]
Bool = Annotated[bool, Strict()]
Time = Annotated[AwareDatetime, PlainSerializer(rfc3339, str, when_used="json")]
Line = Annotated[str, Field(max_length=1000, pattern=r"^[^\r\n\x00]*$")]


class Shape(BaseModel):
    """A JSON object."""

    model_config = ConfigDict(
        alias_generator=json_name, populate_by_name=True, extra="forbid", frozen=True, ser_json_bytes="base64"
    )

    @model_validator(mode="before")
    @classmethod
    def _as_go_reads_it(cls, given: Any) -> Any:
        """Null is absent, and names are taken in any case."""
        if not isinstance(given, dict):
            return given
        names = _names(cls)
        named = [(names.get(str(key).lower()), key, value) for key, value in given.items()]
        return {name or key: value for name, key, value in named if value is not None or name is None}

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """What may be absent from a request may be null."""
        schema = handler(core)
        if handler.mode == "validation":
            found = handler.resolve_ref_schema(schema)
            for name, each in found.get("properties", {}).items():
                if name not in found.get("required", ()):
                    about = {key: each.pop(key) for key in ("title", "description", "default") if key in each}
                    found["properties"][name] = {"anyOf": [each, {"type": "null"}], **about}
        return schema

    def to_json(self) -> bytes:
        """The object as JSON."""
        return self.model_dump_json(by_alias=True).encode("utf-8", "replace")


_KNOWN: dict[type, dict[str, str]] = {}


def _names(shape: type[BaseModel]) -> dict[str, str]:
    """The JSON names of a type by their lower-case forms, and by the names of Python."""
    known = _KNOWN.get(shape)
    if known is None:
        known = {}
        for name, field in shape.model_fields.items():
            alias = field.alias or name
            known[alias.lower()] = known[name.lower()] = alias
        _KNOWN[shape] = known
    return known


class Empty(Shape):
    """Nothing."""


CODE: Final = re.compile("[a-zA-Z]+")


class Error(Shape):
    """Why a request was not carried out."""

    code: str = Field(description="For programs; see the list of codes.")
    message: str = Field(description="For people.")


CODES: Final = {
    "user": "The request cannot be carried out; the message says why.",
    "server": "Something is wrong at the server; the same request may succeed later.",
    "protocol": "The request is no request of this method.",
    "error": "What was asked for is not possible, as removing what is not there.",
    "badAddress": "An address is none, or is not known here.",
    "missingBody": "A message needs Text or HTML.",
    "multipleFrom": "A message has one From.",
    "badFrom": "The account, or the key, may not send from this address.",
    "domainDisabled": "The domain of the sender is switched off for now.",
    "noRecipients": "A message needs To, CC or BCC.",
    "messageLimitReached": "The account sent as many messages as it may in 24 hours.",
    "recipientLimitReached": "The account wrote to as many new recipients as it may in 24 hours.",
    "messageTooLarge": "The message is larger than this server takes.",
    "malformedMessageID": "MessageID is not of the form <id@host>.",
    "sentOverQuota": "The account is full, and the message was to be saved.",
    "messageNotFound": "There is no such message.",
    "partNotFound": "The message has no such part.",
    "forbidden": "The key does not open this method.",
    "idempotencyKeyReused": "The Idempotency-Key was used for another request.",
    "templateNotFound": "There is no such template.",
}
"""Codes of errors; those up to partNotFound are mox's."""
