"""One account's mail over an index and body stores: delivered, found, changed, moved, expunged, imported, exported,
verified.

What comes in: a `MailStore` (the stores, as `app` built them), an `Account` (from `accounts.open`), and spooled
messages. What goes out: rows and blocks of bytes, and `Failure`s that say what to do. Callers are the servers and
services above. Open `store.py` first, then `deliver.py`, which is the way of a message into the store.
"""
