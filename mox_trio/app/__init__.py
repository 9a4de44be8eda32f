"""Puts the program together: configuration in, running services out. Knows every room and holds no logic.

`build.py` (open it first) opens stores, keys and configuration on one exit stack. Callers are `cli` and, later, the
servers' supervisor.
"""
