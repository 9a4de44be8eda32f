"""Mail from other servers (port 25) and from servers of the same site (LMTP): judged, and put away.

In come the steps of a transaction (`smtpd.receiver`), out go messages in mailboxes, replies and notices to senders. `app`
makes one `pipeline.Incoming` a listener; open that first, then `evidence` (what is asked about a message), `judge` (what
becomes of it) and `accept` (how it gets into mailboxes).
"""
