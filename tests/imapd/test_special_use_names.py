"""Special uses by their names, and as the value of an annotation."""

import pytest

from mox_trio.imapd import special_use
from storage_backends.index.tables import mailboxes

pytestmark = pytest.mark.uid_only_too


def test_names_and_bits_are_the_same_both_ways() -> None:
    both = mailboxes.SENT | mailboxes.ARCHIVE
    assert special_use.names(both) == ("\\Archive", "\\Sent")
    assert special_use.bits(["\\SENT", "\\archive"]) == both
    assert special_use.names(0) == ()


@pytest.mark.parametrize("use", ["\\All", "\\Flagged", "\\Important", "\\Noselect", "Sent", ""])
def test_a_use_that_no_mailbox_can_be_given_is_named(use: str) -> None:
    with pytest.raises(special_use.Unsupported, match=f"^{use.replace(chr(92), chr(92) * 2)}$"):
        special_use.bits(["\\Sent", use])


def test_the_value_of_the_annotation_lists_them() -> None:
    assert special_use.value(mailboxes.SENT | mailboxes.TRASH) == b"\\Sent \\Trash"
    assert special_use.value(0) is None
    assert special_use.of_value(b"\\Sent  \\Trash") == mailboxes.SENT | mailboxes.TRASH
    assert special_use.of_value(None) == 0
    with pytest.raises(special_use.Unsupported):
        special_use.of_value(b"\\S\xe4nt")
