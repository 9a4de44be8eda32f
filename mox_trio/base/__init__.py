"""Values that every room shares: addresses, domains, failures, limits, text. No I/O, no time, no randomness.

Open `address.py` first. Everybody calls; nothing here imports another room.
"""
