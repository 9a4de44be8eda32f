"""What the bytes of a message mean (RFC 5322, RFC 2045 to 2049, RFC 2231, RFC 6532); sans-IO, never failing on input.

In come bytes: a message in chunks (`parser`), a header block (`header`), the value of a field (`parameters`,
`addresses`, `words`, `dates`). Out come a tree of parts with byte offsets (`part`), values, and the bytes of IMAP
answers (`bodystructure`, `envelope`). The mail store calls this once at delivery and keeps the results
(`structure_codec`); servers slice bodies by the offsets and decode them with `transfer` and `charsets`. Open `parser`
first.
"""
