"""What may stand in the configuration: frozen pydantic models whose fields carry their own documentation.

`static.py` is mox-trio.toml, `dynamic.py` is domains.toml; the other files are their parts. `values.py` has the kinds
of values (durations, sizes, paths, names). A new field is a line here, and a rule in `check_static` or `check_dynamic`
when it has to agree with others.
"""
