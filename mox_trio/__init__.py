"""mox-trio: a mail server on trio.

Rooms and their levels are drawn in docs/architecture.md; imports point downwards only:
cli > app > mailstore > config > protocol > base. Start reading at `mailstore/deliver.py`.
"""
