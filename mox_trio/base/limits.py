"""Every limit on what comes from outside, with its reason. Each is the default of a parameter, never read directly
deeper down.
"""

from typing import Final

MIME_DEPTH: Final = 100
"""Nesting of multiparts and messages; deeper parts are leaves."""

MIME_PARTS: Final = 10_000
"""Parts of one message; what follows belongs to the last one."""

MIME_HEADER_BYTES: Final = 1024 * 1024
"""Bytes of one part's header block that are interpreted; what is beyond is skipped, offsets stay exact."""

HEADER_ROW_BYTES: Final = 32 * 1024
"""Bytes of a header block that are kept in the index."""

PREVIEW_CHARACTERS: Final = 256
"""Characters of a message's preview text."""

LOCALPART_OCTETS: Final = 64
"""RFC 5321 4.5.3.1.1. Our own addresses keep to it."""

LOCALPART_OCTETS_OF_OTHERS: Final = 128
"""Bounce addresses that services generate are longer than the standard allows; as senders they are taken up to here."""

PATH_OCTETS: Final = 256
"""RFC 5321 4.5.3.1.3, with the angle brackets."""

HEADER_ADDRESSES: Final = 10_000
"""Mailboxes of one address list that are interpreted; what follows is dropped."""

THREAD_REFERENCES: Final = 100
"""Message-IDs of one References field that are kept: the last ones, which are the nearest ancestors."""

PREVIEW_SOURCE_BYTES: Final = 1024 * 1024
"""Encoded bytes of a part that are looked at for its preview."""

MIME_EMBEDDED_HEADER_BYTES: Final = 1024 * 1024
"""Bytes of the headers of all messages within a message that are kept for their envelopes."""

MIME_HEADERS_BYTES: Final = 4 * 1024 * 1024
"""Bytes of the headers of all parts together that are interpreted; parts beyond are text/plain."""

MIME_FIELD_BYTES: Final = 16 * 1024
"""Bytes of the value of one field about a part's content that are interpreted."""

BASE_SUBJECT_CHARACTERS: Final = 255
"""Characters of a base subject that are compared: it is a key of an index."""

MESSAGE_ID_CHARACTERS: Final = 500
"""Characters of a Message-ID that are compared: it is a key of an index; half a line of a message."""

SMTP_REPLY_LINE_OCTETS: Final = 4096
"""Octets of one line of another server's reply. RFC 5321 4.5.3.1.5 says 512; hosts that explain themselves say more."""

SMTP_REPLY_LINES: Final = 128
"""Lines of one reply; the longest that are seen in practice are the extensions of EHLO, some thirty."""

DNS_ANSWER_RECORDS: Final = 100
"""Records of one answer that are kept, in the order they came; nothing that mail asks for has more in earnest."""

DNS_CNAMES: Final = 16
"""Names that one look-up is led through (CNAME)."""

DNS_CACHE_ENTRIES: Final = 50_000
"""Answers of DNS that are remembered, at about 1 KiB each."""

DNS_LOOKUPS: Final = 500
"""Look-ups that wait for answers at once; further ones wait for their turn, within their own time."""

IPREV_NAMES: Final = 10
"""Names of a client's address that are looked up (as RFC 7208 4.6.4 has it for ptr)."""

SPF_RECORD_OCTETS: Final = 4096
"""Longest SPF record that is read: RFC 7208 3.4 wants them below 450."""

SPF_TERM_OCTETS: Final = 512
"""Longest term of an SPF record: a domain has at most 253 octets, and its macros make it longer, not shorter."""

SPF_ROUNDS: Final = 40
"""How often an SPF check asks DNS for what it needs next: ten terms (RFC 7208 4.6.4), some in two steps, and a reserve."""

SPF_EXPLANATION_CHARACTERS: Final = 800
"""Characters of a domain's explanation of a failure that are kept."""

DKIM_SIGNATURES: Final = 10
"""Signatures of one message that are checked, from the top; each costs a look-up and a millisecond."""

DKIM_FIELD_BYTES: Final = 16 * 1024
"""Longest DKIM-Signature field that is read: the lists of signed and copied fields may be long."""

DKIM_SIGNED_FIELDS: Final = 500
"""Names in h= of a signature: more than a header has fields, even oversigned."""

DKIM_HEADER_BYTES: Final = 256 * 1024
"""Bytes of a header block whose signatures are checked: simple canonicalisation hashes it for each signature again."""

DKIM_HEADER_LINES: Final = 5000
"""Lines of such a block: each field costs microseconds on the event loop."""

DKIM_KEY_OCTETS: Final = 4096
"""Longest key record that is read: RSA of 4096 bits takes 740 octets."""

ARC_SETS: Final = 50
"""RFC 8617 4.2.1. Each set costs two look-ups and two signatures."""

DMARC_RECORD_OCTETS: Final = 4096
"""Longest DMARC record that is read."""

TLS_HELLO_BYTES: Final = 16 * 1024
"""Bytes of a ClientHello with its record headers; with keys of post-quantum algorithms they have about 2,000."""

SMTP_COMMAND_OCTETS: Final = 2048
"""Octets of a command with CRLF: RFC 5321 4.5.3.1.4 says 512, and extensions add theirs (RFC 3461 5.2: 500 for ORCPT)."""

SASL_LINE_OCTETS: Final = 12_288
"""Octets of a line of AUTH with CRLF, as RFC 4954 4 asks for."""

MAIL_HOSTS: Final = 20
"""Hosts of a domain that are tried in one attempt, the best first; more are a way to keep us busy."""

HOST_ADDRESSES: Final = 10
"""Addresses of one host that are tried in one attempt."""

DIALLED_ADDRESSES: Final = 20
"""Addresses of one host that are remembered between attempts: the last ones."""
