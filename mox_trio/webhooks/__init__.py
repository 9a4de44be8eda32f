"""Calls to customers' URLs: what became of sent mail (outgoing), and mail that arrived (incoming).

Rows of calls are written in the transaction of what they tell of (`enqueue.py`); `calls.py` makes the calls, again where they
fail, one at a time for each URL; `targets.py` knows the URLs; `desk.py` lists, repeats and cancels. Called by `outgoing`,
`incoming`, `app` and web applications.
"""
