"""IMAP4rev1 (RFC 3501) and IMAP4rev2 (RFC 9051) as values, both sides, without I/O.

What comes in: bytes of one side. What goes out: commands as dataclasses, the blocks of messages that are appended, and
responses as bytes; on the client's side responses as values. Callers are `imapd`, imports from other servers, and tests. Open
`server.py` first, then `commands/`, one file a family of commands, and `responses.py`; `client.py` is the other side.
"""
