"""Where our ENVELOPE and BODYSTRUCTURE differ from what Dovecot says of the same mail, and why each of them does.

By item, by (group, name of the mail). A test fails when a difference has no reason here, or a reason no difference.
"""

from typing import Final

_Reasons = dict[tuple[str, str], str]

_NO_PLACEHOLDER: Final = (
    "A missing localpart or domain is empty here; Dovecot writes MISSING_MAILBOX and MISSING_DOMAIN."
)
_EMPTY_ADDRESS: Final = "An empty place between two commas is no address; Dovecot writes one with a missing mailbox."
_FIRST_COUNTS: Final = "Of a field that is given twice the first counts, as readers show it; Dovecot takes the last."
_LAX_VALUE: Final = (
    "An unquoted name of a file keeps its white space and specials, up to the next parameter; Dovecot cuts it there."
)
_LAX_BOUNDARY: Final = (
    "An unquoted boundary may hold =; Dovecot cuts it there, and takes the closing delimiter for the start of a part."
)
_LAX_PARAMETERS: Final = "A broken parameter does not hide those behind it; Dovecot stops reading at it."
_DEFAULT_TYPE: Final = (
    "A type that cannot be read means text/plain (RFC 2045 5.2); Dovecot has an empty type or subtype."
)
_WITHOUT_VERSION: Final = (
    "Content- fields count without MIME-Version or Content-Type, as too much mail has neither; Dovecot ignores them."
)
_WHITE_SPACE: Final = "White space at the ends of a field's value is no part of it; Dovecot keeps it in the date."
_LAX_ENCODING: Final = (
    "An encoding that is written a little wrong is taken for what it means; Dovecot takes it for 7bit."
)

BODYSTRUCTURE: Final[_Reasons] = {
    ("odd", "embedded message in base64 with a blank line"): (
        "An encoded message cannot be looked into and is given an empty text; Dovecot shows its encoded octets as text."
    ),
    ("odd", "multipart with empty boundary"): (
        "An empty boundary is none; Dovecot ends parts at every line of two dashes."
    ),
    ("odd", "embedded multipart"): (
        "The line end before a delimiter belongs to it (RFC 2046 5.1.1); Dovecot counts it to a message that ends in a "
        "closing delimiter."
    ),
    ("odd", "message/global"): (
        "message/global holds a message (RFC 9051 7.5.2, RFC 6532 3.7); Dovecot does not look in."
    ),
    ("odd", "type without subtype"): _DEFAULT_TYPE,
    ("odd", "type that is empty"): _DEFAULT_TYPE,
    ("odd", "type that is no type"): _DEFAULT_TYPE,
    ("odd", "parameters without semicolon"): _LAX_PARAMETERS,
    ("odd", "parameters with empty ones"): _LAX_PARAMETERS,
    ("odd", "parameter without value"): _LAX_PARAMETERS,
    ("odd", "parameter with open quotes"): (
        "A quote that is left open ends with the field; Dovecot drops the parameter."
    ),
    ("odd", "parameter unquoted with white space"): _LAX_VALUE,
    ("odd", "parameter unquoted with specials"): _LAX_VALUE,
    ("odd", "RFC 2231 sections with a gap"): "Sections end at the gap; Dovecot gives all of them, unjoined.",
    ("odd", "RFC 2231 and plain"): (
        "A parameter with a charset replaces the plain one (RFC 6266 4.3); Dovecot gives both."
    ),
    ("odd", "disposition"): _WITHOUT_VERSION,
    ("odd", "disposition without parameters"): _WITHOUT_VERSION,
    ("odd", "unknown encoding"): _WITHOUT_VERSION,
    ("ruby-mail", "attachment_emails/attachment_with_unquoted_name.eml"): _LAX_VALUE,
    ("ruby-mail", "error_emails/content_transfer_encoding_qp_with_space.eml"): _LAX_ENCODING,
    ("ruby-mail", "error_emails/content_transfer_encoding_with_semi_colon.eml"): _LAX_ENCODING,
    ("ruby-mail", "error_emails/missing_content_disposition.eml"): (
        "An empty disposition is none; Dovecot writes an empty string."
    ),
    ("ruby-mail", "error_emails/multiple_invalid_content_dispositions.eml"): (
        "A disposition that is no token is given as it is; Dovecot writes an empty string."
    ),
    ("ruby-mail", "mime_emails/raw_email_with_binary_encoded.eml"): _LAX_BOUNDARY,
    ("ruby-mail", "mime_emails/raw_email_with_illegal_boundary.eml"): _LAX_BOUNDARY,
    ("ruby-mail", "plain_emails/raw_email_bad_time.eml"): _LAX_BOUNDARY,
}

ENVELOPE: Final[_Reasons] = {
    ("ruby-mail", "error_emails/bad_date_header.eml"): _WHITE_SPACE,
    ("ruby-mail", "error_emails/bad_subject.eml"): _WHITE_SPACE,
    ("ruby-mail", "error_emails/content_transfer_encoding_empty.eml"): _NO_PLACEHOLDER,
    ("ruby-mail", "error_emails/encoding_madness.eml"): _NO_PLACEHOLDER,
    ("ruby-mail", "error_emails/missing_body.eml"): (
        "A group in angle brackets is read as an address, its name as the localpart; Dovecot writes SYNTAX_ERROR."
    ),
    ("ruby-mail", "error_emails/weird_to_header.eml"): _EMPTY_ADDRESS,
    ("ruby-mail", "mime_emails/raw_email11.eml"): _NO_PLACEHOLDER,
    ("ruby-mail", "mime_emails/raw_email_with_binary_encoded.eml"): _FIRST_COUNTS,
    ("ruby-mail", "mime_emails/raw_email_with_multipart_mixed_quoted_boundary.eml"): _FIRST_COUNTS,
    ("ruby-mail", "plain_emails/mix_caps_content_type.eml"): (
        "A bare address behind a name is the address; Dovecot finds a name without an address."
    ),
    ("ruby-mail", "plain_emails/raw_email_with_at_display_name.eml"): (
        "A name may hold @ when an address in angle brackets follows; Dovecot takes it for the address and drops "
        "the rest."
    ),
    ("ruby-mail", "rfc2822/example11.eml"): _EMPTY_ADDRESS,
    ("ruby-mail", "rfc2822/example13.eml"): _NO_PLACEHOLDER,
    ("ruby-mail", "rfc2822/example14.eml"): (
        "Unfolding leaves the white space of the folds as it was (RFC 5322 2.2.3); Dovecot makes one space of it."
    ),
}

EXPLAINED: Final = {"bodystructure": BODYSTRUCTURE, "envelope": ENVELOPE}
