"""Configuration as immutable snapshots: TOML text goes in, checked values and a directory of addresses come out.

Two documents: the static one (`mox-trio.toml`, read at start) and the dynamic one (`domains.toml`, read again when it
changes). `app` and `cli` call; nothing here knows a store or a server. Open `load.py` first, then `models/`.
"""
