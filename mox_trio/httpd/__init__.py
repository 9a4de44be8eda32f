"""HTTP on connections of our own accept path: hypercorn speaks the protocol, ASGI applications answer.

In comes a `transport` connection, out go responses. Called by `app`. Open `serving.py` first; `monitoring.py` is the
application of the internal listener.
"""
