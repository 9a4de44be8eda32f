"""The HTTP API at /webapi/v0/: methods by POST, and pages that explain and try them.

`application.py` makes the ASGI application; `table.py` lists the methods: types, what a key must open, and the function that does
it. What a request means and how it is answered is in `calling.py`.
"""
