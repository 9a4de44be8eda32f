"""Labels are the keywords that people gave."""

from webui.mail import labels


def test_what_programs_write_for_themselves_is_no_label() -> None:
    keywords = ["work", "Old", "$Label1", "$MailFlagBit0", "JunkRecorded", "Oldest", "receipt-handled", "a$"]
    assert labels.among(keywords) == ["work", "$Label1", "Oldest", "a$"]
    assert labels.among([]) == []
