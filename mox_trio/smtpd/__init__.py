"""The servers of SMTP, submission and LMTP: one task a connection, which asks `protocol.smtp` what the bytes mean and a
`Receiver` what the message deserves.

What comes in: a `transport` connection, `Settings`, `Parts`. What goes out: replies, and calls of the receiver. Called by
`app`. Open `session.py` first, then `receiver.py`.
"""
