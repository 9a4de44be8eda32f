"""Logging in to web pages: the form's requests, cookies, and who a request comes from.

What comes in: a `running.Web` and requests. What goes out: `Guest`s with their account, and `Failure`s. Callers are the
applications for people. Open `entrance.py` first.
"""
