"""Everything a page can ask to be done, by the names of its calls."""

from typing import Final

from webui.mail import (
    calls_account,
    calls_account_api,
    calls_account_codes,
    calls_account_files,
    calls_account_keys,
    calls_letters,
    calls_mailboxes,
    calls_messages,
    calls_settings,
    calls_trace,
)
from webui.mail.desk import Operation

OPERATIONS: Final[dict[str, Operation]] = {
    **calls_messages.OPERATIONS,
    **calls_mailboxes.OPERATIONS,
    **calls_letters.OPERATIONS,
    **calls_settings.OPERATIONS,
    **calls_trace.OPERATIONS,
    **calls_account.OPERATIONS,
    **calls_account_codes.OPERATIONS,
    **calls_account_keys.OPERATIONS,
    **calls_account_files.OPERATIONS,
    **calls_account_api.OPERATIONS,
}
