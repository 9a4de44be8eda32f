"""Rows of outgoing mail, shared by any number of processes: enqueue, claim, renew, hold, list, and records of what left.

`outgoing` calls it; what it sends and how an attempt ends is decided there. Open first: `queue.py`.
"""
