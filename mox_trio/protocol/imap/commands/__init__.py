"""What a client can ask for: one dataclass a command, one file a family, each with its parser.

What comes in: the tokens behind a command's name. What goes out: a command, or `lexer.Malformed`. The caller is
`table.py`, which names every command with the states that it is allowed in.
"""
