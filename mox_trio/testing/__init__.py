"""A whole mail server inside a test's process, for those whose programs send or read mail. See docs/testing.md.

In come calls of a test; out come ports of real SMTP, submission and IMAP, the messages that arrived, and a clock that can be
turned. pytest finds the fixture `mail_server` by itself (`plugin`). Open `server.py` first: it is what tests hold in hand;
`inside.py` is the server behind it, which runs on trio in a thread of its own.
"""
