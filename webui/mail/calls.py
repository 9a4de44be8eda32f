"""Everything a page can ask to be done, by the names of its calls."""

from typing import Final

from webui.mail import calls_account, calls_letters, calls_mailboxes, calls_messages, calls_settings
from webui.mail.desk import Operation

OPERATIONS: Final[dict[str, Operation]] = {
    **calls_messages.OPERATIONS,
    **calls_mailboxes.OPERATIONS,
    **calls_letters.OPERATIONS,
    **calls_settings.OPERATIONS,
    **calls_account.OPERATIONS,
}
