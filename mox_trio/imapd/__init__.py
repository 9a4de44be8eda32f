"""IMAP: sessions over one account's mail.

What comes in: connections. What goes out: responses, and calls of `mailstore`. The caller is `app`. Open `session.py` first, then
`dispatch.py`, the table of commands, and `view.py`, what a session believes of its mailbox.
"""
