"""The HTTP API as values: requests, results, errors, and the payloads of calls to customers' URLs.

JSON names are those of mox's webapi, so that a client written for it works unchanged: fields that are null are absent, names are
taken in any case, unknown ones are refused. Open `methods.py` first; `shapes.py` is what the types are made of.
"""
