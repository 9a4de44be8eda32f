"""Decisions about mail without I/O: what SPF, DKIM, DMARC and the others say, and what follows from it.

A decision that needs DNS is a generator: it yields a `questions.Question` and is sent an `Answer`. `transport.ask`
drives it with the resolver, a test drives it with a dict. `incoming` and `outgoing` call; open `questions` first.
"""
