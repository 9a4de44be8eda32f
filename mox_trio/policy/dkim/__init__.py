"""DKIM (RFC 6376, 8301, 8463): what the signatures of a message say, and signatures of our own.

A header block goes in (`verify.examine`), then the body in one pass (`body.BodyHashes`), then each signature is checked with a
question to DNS (`verify.check`); `sign.sign` makes a field. ARC uses the same parts. Nothing here raises for what a message
holds. Open `verify` first.
"""
