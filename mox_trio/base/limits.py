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

KEPT_OCTETS: Final = 64 * 1024 * 1024
"""Of what was made of mails for sorting, threading and searching, in the memory of a process: mailboxes of some 300,000
messages in all."""

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

AUTH_RESULTS_FIELDS: Final = 50
"""Authentication-Results of one message that are read; mail that was passed on ten times has ten. Those below count as forged:
each costs up to half a millisecond.
"""

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

HTTP_HEADER_BYTES: Final = 16 * 1024
"""Octets of a request's line and header."""

HTTP_HEADER_LIST_BYTES: Final = 32 * 1024
"""Octets of a header of HTTP/2 when it is unpacked (RFC 9113 6.5.2)."""

HTTP_STREAMS: Final = 50
"""Requests at a time of one connection of HTTP/2."""

HTTP_BODY_BYTES: Final = 1024 * 1024
"""Octets of a request's body, where the service does not say otherwise."""

HTTP_BODY_PATIENCE: Final = 45.0
"""Seconds for which a body may keep its server waiting; what has come buys as much again, at HTTP_BODY_RATE."""

HTTP_BODY_RATE: Final = 512
"""Octets of a body that a client sends in a second, or more: who sends less uses HTTP_BODY_PATIENCE up."""

HTTP_LEFT_OVER_BYTES: Final = 256 * 1024
"""Octets of a body that nobody wants which are still read, so that the client sees the answer."""

WEBSOCKET_MESSAGE_BYTES: Final = 1024 * 1024
"""Octets of one message of a websocket."""

IMAP_LINE_OCTETS: Final = 64 * 1024
"""Octets of a command's text between literals, with CRLF. RFC 7162 4 asks for 8,192; sets of numbers are longer."""

IMAP_LITERAL_OCTETS: Final = 100 * 1024
"""Octets of one literal that is not a message: a name, a password, a text to search for, an annotation."""

IMAP_LITERALS: Final = 1000
"""Literals of a command that are not messages."""

IMAP_LITERAL_MINUS_OCTETS: Final = 4096
"""RFC 7888 5: the largest literal that a client of LITERAL- sends without waiting."""

IMAP_SKIPPED_OCTETS: Final = 1024 * 1024
"""Octets that are read and thrown away because the client sent them without waiting for an answer; beyond, the session ends."""

IMAP_COMMAND_OCTETS: Final = 1024 * 1024
"""Octets of a whole command, lines and literals together, without messages."""

IMAP_STRANGER_OCTETS: Final = 64 * 1024
"""The same before a user is known: names and passwords are short."""

IMAP_DEPTH: Final = 50
"""Nesting of search keys and of parentheses."""

IMAP_SEARCH_KEYS: Final = 1000
"""Search keys of one command."""

IMAP_LIST_ITEMS: Final = 1000
"""Members of one list: flags, items of FETCH, patterns of LIST, entries of METADATA."""

IMAP_SET_RANGES: Final = 20_000
"""Ranges of one set of numbers: more do not fit into a line."""

IMAP_APPEND_MESSAGES: Final = 10_000
"""Messages of one APPEND (RFC 3502)."""

IMAP_CATENATE_PARTS: Final = 1000
"""Parts of one message by CATENATE (RFC 4469)."""

IMAP_BAD_COMMANDS: Final = 20
"""Commands in a row that make no sense before a session ends."""

IMAP_SASL_OCTETS: Final = 16 * 1024
"""Octets of an answer to a challenge of AUTHENTICATE with CRLF."""

IMAP_ID_FIELDS: Final = 30
"""RFC 2971 3.3: pairs of ID."""

IMAP_RESPONSE_LINE_OCTETS: Final = 4 * 1024 * 1024
"""Octets of a line of another server's response: lists of found messages may be long."""

IMAP_RESPONSE_OCTETS: Final = 16 * 1024 * 1024
"""Octets of a whole response of another server, lines and literals together, without what is streamed."""

IMAP_RESPONSE_DEPTH: Final = 200
"""Nesting of lists in a response of another server."""

IMAP_RESPONSE_LITERAL_OCTETS: Final = 1024 * 1024
"""Octets of a literal of another server that is given as a value; a larger one is streamed."""

IMAP_INFLATED_OCTETS: Final = 16 * 1024 * 1024
"""Octets that COMPRESS may inflate to before their ratio to what came is looked at."""

IMAP_INFLATED_RATIO: Final = 400
"""Times that what a client sends may grow by COMPRESS: mail grows by ten, deflate can by a thousand."""

IMAP_PATTERN_CHARACTERS: Final = 16 * 1024
"""Characters of all patterns of one LIST: names have at most 512."""

IMAP_APPEND_COLUMNS_OCTETS: Final = 16 * 1024 * 1024
"""Octets of the headers and structures of all messages of one APPEND, which wait in memory for the last of them."""

IMAP_SUBSCRIPTIONS: Final = 20_000
"""Names that an account may subscribe to: they need not be mailboxes."""

API_JSON_BYTES: Final = 32 * 1024 * 1024
"""Octets of one request's JSON, which is in memory; larger files come as parts of multipart/form-data."""

API_FILES: Final = 100
"""Files of one message, each as JSON or as a part."""

API_BATCH: Final = 1000
"""Messages of one request."""

API_IDS: Final = 1000
"""Ids that one request names."""

API_TEMPLATE_CHARACTERS: Final = 256 * 1024
"""Characters of the text and of the HTML of a template."""

API_SENT_CHARACTERS: Final = 8 * 1024 * 1024
"""Characters of a text that is made from a template."""

API_TEXT_BYTES: Final = 1024 * 1024
"""Octets of the text, and of the HTML, of a message that are told as JSON."""

IMPORT_BYTES: Final = 8 * 1024 * 1024 * 1024
"""Octets of a file that somebody brings to the web pages to have its mail imported."""

XZ_MEMORY: Final = 128 * 1024 * 1024
"""Octets of memory that reading a compressed file may want: `xz -9` makes files that want half of it."""

HOOK_ANSWER_BYTES: Final = 512
"""Octets of an answer to a webhook call that are kept."""
