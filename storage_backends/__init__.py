"""Where mail is kept: bodies (immutable bytes) and the index (rows), two seams that are chosen separately.

A leaf package: it knows neither mox_trio nor webui. `bodies/api.py` and `index/api.py` are the seams, `errors.py` is what
they raise, `contract/` holds their promises as runnable suites, and `registry.py` opens a store by its configured name.
"""
