"""DMARC (RFC 7489; with the tree walk of RFC 9989 as an option): what the domain of From asks for, and whether it passed.

The results of SPF and DKIM go in, a `results.Dmarc` comes out; `record` reads what a domain publishes, `find` finds it. Open
`evaluate` first.
"""
