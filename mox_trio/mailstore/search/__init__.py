"""Finding messages: what a filter asks for, answered from the index first and from bodies for what is left.

What comes in: a `filters.Filter` and the mailboxes to look in. What goes out: UIDs, page by page. Callers are the
servers and services above. Open `filters.py` first, then `run.py`, which is the way from a filter to its answer.
"""
