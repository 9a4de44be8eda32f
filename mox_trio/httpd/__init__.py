"""HTTP on connections of our own accept path: hypercorn speaks the protocol, ASGI applications answer.

In comes a `transport` connection, out go responses. Called by `app`. Open `front.py` first: what happens to a request at one
port. `serving.py` is the one file that knows hypercorn; `monitoring.py` is the application of the internal listener.
"""
