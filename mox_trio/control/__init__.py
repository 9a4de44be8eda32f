"""A running server is asked and told things through a Unix socket in its data directory.

In comes a line of JSON, out goes a line of JSON; who may open the socket, its user alone, may do everything. `app` opens
it, `cli` asks. Open `server.py` first; `operations.py` is the table of what can be asked.
"""
