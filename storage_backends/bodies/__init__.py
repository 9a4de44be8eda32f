"""Immutable message bodies: bytes go in once, any range comes out, and they are deleted.

`api.py` is the seam (open it first). Stores: memory, disk, s3; wrappers that are stores themselves: encrypted, cached.
`keyring.py` holds the keys of accounts. Callers are `mox_trio.mailstore` through `BodyStore` and `mox_trio.app`, which
builds them.
"""
