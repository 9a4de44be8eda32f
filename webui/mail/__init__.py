"""Webmail, the server's side: one websocket for what is live and what is done, plain requests for bodies and files.

What comes in: a `running.Web`. What goes out: an application (`application.make`), whose messages are those of `protocol`.
Callers are web browsers. Open `protocol.py` first, then `session.py`.
"""
