"""Every method, in the order in which it is listed."""

from collections.abc import Mapping
from typing import Final

from mox_trio.mailstore.api_keys import Scope
from mox_trio.protocol.webapi import methods
from mox_trio.protocol.webapi.messages import MessageGetResult, SendRequest, SendResult
from mox_trio.protocol.webapi.shapes import Empty
from webui.webapi import hooks, keys, messages, sending, suppressions, templating
from webui.webapi.calling import Method

_SEND: Final = """\
{
  "To": [{"Name": "Mary", "Address": "mary@example.org"}],
  "Subject": "hello",
  "Text": "Hi Mary.\\n"
}"""
_BATCH: Final = """\
{
  "Messages": [
    {"To": [{"Address": "mary@example.org"}], "Template": "welcome", "Variables": {"name": "Mary"}},
    {"To": [{"Address": "bob@example.org"}], "Template": "welcome", "Variables": {"name": "Bob"}}
  ]
}"""
_TEMPLATE: Final = """\
{
  "Name": "welcome",
  "Subject": "Welcome, {{name}}",
  "Text": "Hi {{name}}.\\n",
  "HTML": "<p>Hi {{name}}.</p>"
}"""
_FLAGS: Final = '{\n  "MsgID": 1,\n  "Flags": ["\\\\seen", "$forwarded"]\n}'
_ADDRESS: Final = '{\n  "EmailAddress": "mary@example.org"\n}'
_MESSAGE: Final = '{\n  "MsgID": 1\n}'

SENDING: Final = (
    Method(
        *("Send", Scope.SEND, SendRequest, SendResult, sending.send),
        "Send a message: it is signed and in the queue when the answer comes.",
        *("sending", True, True, _SEND),
    ),
    Method(
        *("SendBatch", Scope.SEND, methods.SendBatchRequest, methods.SendBatchResult, sending.send_batch),
        "Send up to 1000 messages, each with a result of its own.",
        *("sending", True, False, _BATCH),
    ),
    Method(
        *("SendCancel", Scope.SEND, methods.QueueRequest, methods.SendCancelResult, sending.cancel),
        "Take recipients out of the queue that did not get their message yet, as of a message for later.",
        *("sending", False, False, '{\n  "QueueMsgIDs": [1, 2]\n}'),
    ),
    Method(
        *("QueueList", Scope.SEND, Empty, methods.QueueListResult, sending.listed),
        "List the account's recipients in the queue.",
        "sending",
    ),
)
TEMPLATES: Final = (
    Method(
        *("TemplateSet", Scope.TEMPLATES, methods.Template, Empty, templating.put),
        "Keep a template for Send and SendBatch, or replace it.",
        *("templates", False, False, _TEMPLATE),
    ),
    Method(
        *("TemplateGet", Scope.TEMPLATES, methods.TemplateRequest, methods.Template, templating.get),
        "Get a template.",
        *("templates", False, False, '{\n  "Name": "welcome"\n}'),
    ),
    Method(
        *("TemplateList", Scope.TEMPLATES, Empty, methods.TemplateListResult, templating.listed),
        "List the names of templates.",
        "templates",
    ),
    Method(
        *("TemplateRemove", Scope.TEMPLATES, methods.TemplateRequest, Empty, templating.remove),
        "Forget a template.",
        *("templates", False, False, '{\n  "Name": "welcome"\n}'),
    ),
)
SUPPRESSIONS: Final = (
    Method(
        *("SuppressionList", Scope.SUPPRESSIONS, Empty, methods.SuppressionListResult, suppressions.listed),
        "List the addresses that the account sends nothing more to.",
        "suppressions",
    ),
    Method(
        *("SuppressionAdd", Scope.SUPPRESSIONS, methods.SuppressionAddRequest, Empty, suppressions.add),
        "Send nothing more to an address and its variants.",
        *(
            "suppressions",
            False,
            False,
            '{\n  "EmailAddress": "mary@example.org",\n  "Manual": true,\n  "Reason": "asked"\n}',
        ),
    ),
    Method(
        *("SuppressionRemove", Scope.SUPPRESSIONS, methods.SuppressionRequest, Empty, suppressions.remove),
        "Send to an address again.",
        *("suppressions", False, False, _ADDRESS),
    ),
    Method(
        "SuppressionPresent",
        Scope.SUPPRESSIONS,
        methods.SuppressionRequest,
        methods.SuppressionPresentResult,
        suppressions.present,
        "Ask whether an address, or a variant of it, is on the list.",
        *("suppressions", False, False, _ADDRESS),
    ),
)
MESSAGES: Final = (
    Method(
        *("MessageGet", Scope.READ, methods.MessageRequest, MessageGetResult, messages.get),
        "Get a message's fields, texts (up to 1 MiB each) and structure.",
        *("messages", False, False, _MESSAGE),
    ),
    Method(
        *("MessageRawGet", Scope.READ, methods.MessageRequest, None, messages.raw_get),
        "Get a message as it is stored, of any size.",
        *("messages", False, False, _MESSAGE),
    ),
    Method(
        *("MessagePartGet", Scope.READ, methods.MessagePartGetRequest, None, messages.part_get),
        "Get the content of a part, decoded; PartPath has indices in Parts of the structure.",
        *("messages", False, False, '{\n  "MsgID": 1,\n  "PartPath": [0, 1]\n}'),
    ),
    Method(
        *("MessageDelete", Scope.WRITE, methods.MessageRequest, Empty, messages.delete),
        "Take a message out of the account, for good.",
        *("messages", False, False, _MESSAGE),
    ),
    Method(
        *("MessageFlagsAdd", Scope.WRITE, methods.MessageFlagsRequest, Empty, messages.flags_add),
        "Set flags and keywords of a message.",
        *("messages", False, False, _FLAGS),
    ),
    Method(
        *("MessageFlagsRemove", Scope.WRITE, methods.MessageFlagsRequest, Empty, messages.flags_remove),
        "Clear flags and keywords of a message.",
        *("messages", False, False, _FLAGS),
    ),
    Method(
        *("MessageMove", Scope.WRITE, methods.MessageMoveRequest, Empty, messages.move),
        "Move a message to a mailbox that exists.",
        *("messages", False, False, '{\n  "MsgID": 1,\n  "DestMailboxName": "Archive"\n}'),
    ),
)
HOOKS: Final = (
    Method(
        *("WebhookSet", Scope.WEBHOOKS, methods.Webhook, methods.WebhookSetResult, hooks.put),
        "Set the URL that is told of sent mail (outgoing) or of mail that arrives (incoming).",
        *("webhooks", False, False, '{\n  "Direction": "outgoing",\n  "URL": "https://shop.example.org/mail"\n}'),
    ),
    Method(
        *("WebhookGet", Scope.WEBHOOKS, Empty, methods.WebhookGetResult, hooks.get),
        "Get the URLs that are set, without their secrets.",
        "webhooks",
    ),
    Method(
        *("WebhookRemove", Scope.WEBHOOKS, methods.WebhookRequest, Empty, hooks.remove),
        "Take a URL away; calls that wait are not made.",
        *("webhooks", False, False, '{\n  "Direction": "outgoing"\n}'),
    ),
    Method(
        *("WebhookTest", Scope.WEBHOOKS, methods.WebhookTestRequest, methods.HookAttempt, hooks.test),
        "Make a call now that tells of nothing that happened, and see how it went.",
        *("webhooks", False, False, '{\n  "Direction": "outgoing"\n}'),
    ),
    Method(
        *("HookList", Scope.WEBHOOKS, methods.HookListRequest, methods.HookListResult, hooks.listed),
        "List calls, the newest first: those that wait, and those that were made and are kept.",
        "webhooks",
    ),
    Method(
        *("HookReplay", Scope.WEBHOOKS, methods.HooksRequest, methods.HooksChangedResult, hooks.replay),
        "Make calls again, however they ended; those that wait are made now.",
        *("webhooks", False, False, '{\n  "IDs": [1]\n}'),
    ),
    Method(
        *("HookCancel", Scope.WEBHOOKS, methods.HooksRequest, methods.HooksChangedResult, hooks.cancel),
        "Do not make calls that wait.",
        *("webhooks", False, False, '{\n  "IDs": [1]\n}'),
    ),
)
KEYS: Final = (
    Method(
        *("KeyAdd", Scope.KEYS, methods.KeyAddRequest, methods.KeyAddResult, keys.add),
        "Make a key for Authorization: Bearer, which opens a part of the API or all of it.",
        *("keys", False, False, '{\n  "Name": "shop",\n  "Scopes": ["send"]\n}'),
    ),
    Method(
        *("KeyList", Scope.KEYS, Empty, methods.KeyListResult, keys.listed),
        "List keys, never their secrets.",
        "keys",
    ),
    Method(
        *("KeyRemove", Scope.KEYS, methods.KeyRequest, Empty, keys.remove),
        "Take a key away: it is refused from now on.",
        *("keys", False, False, '{\n  "ID": 1\n}'),
    ),
)

METHODS: Final[Mapping[str, Method]] = {
    each.name: each for group in (SENDING, TEMPLATES, SUPPRESSIONS, MESSAGES, HOOKS, KEYS) for each in group
}
