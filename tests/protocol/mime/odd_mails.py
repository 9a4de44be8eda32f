"""Small mails with CRLF line ends, each with one thing about its structure that readers disagree on."""

from typing import Final


def _mail(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode("latin-1")


_MIXED: Final = "Content-Type: multipart/mixed; boundary=b\n\n"

ODD_MAILS: Final[dict[str, bytes]] = {
    name: _mail(text)
    for name, text in {
        "empty": "",
        "only a header": "Subject: x\n",
        "no MIME": "Subject: x\n\nhello\nworld\n",
        "no line end at the end": "Subject: x\n\nhello",
        "two parts": _MIXED + "preamble\n--b\n\none\n--b\nContent-Type: text/html\n\n<p>\n\n--b--\nepilogue\n",
        "no closing delimiter": _MIXED + "--b\n\none\n--b\n\ntwo\n",
        "closing delimiter without line end": _MIXED + "--b\n\none\n--b--",
        "opening delimiter at the end": _MIXED + "--b\n\none\n--b",
        "white space after the delimiter": _MIXED + "--b  \n\none\n--b\t\n\ntwo\n--b-- \n",
        "delimiter with a tail": _MIXED + "--bcd\n\none\n--b--x\n\ntwo\n",
        "multipart without boundary": "Content-Type: multipart/mixed\n\n--b\n\none\n--b--\n",
        "multipart with empty boundary": 'Content-Type: multipart/mixed; boundary=""\n\n--\n\none\n----\n',
        "boundary never seen": _MIXED + "hello\n--c\n\none\n--c--\n",
        "only the closing delimiter": _MIXED + "hello\n--b--\nmore\n",
        "parts after the closing delimiter": _MIXED + "--b\n\none\n--b--\n\n--b\n\ntwo\n--b--\n",
        "empty parts": _MIXED + "--b\n--b\n\n--b\n\n\n--b--\n",
        "header ended by a delimiter": _MIXED + "--b\nContent-Type: text/html\n--b\n\ntwo\n--b--\n",
        "header without end": _MIXED + "--b\nContent-Type: text/html\n",
        "line without colon in a header": _MIXED + "--b\nhello\nContent-Type: text/html\n\ntwo\n--b--\n",
        "part begins with white space": _MIXED + "--b\n \nContent-Type: text/html\n\ntwo\n--b--\n",
        "nested": _MIXED
        + "--b\nContent-Type: multipart/alternative; boundary=c\n\n--c\n\none\n--c\n\ntwo\n"
        + "--c--\n--b\n\nthree\n--b--\n",
        "nested with the same boundary": _MIXED
        + "--b\nContent-Type: multipart/alternative; boundary=b\n\n--b\n\none\n--b--\n--b\n\nthree\n--b--\n",
        "nested with a longer boundary": _MIXED
        + "--b\nContent-Type: multipart/alternative; boundary=bb\n\n--bb\n\none\n--bb--\n--b\n\nthree\n--b--\n",
        "nested with a shorter boundary": "Content-Type: multipart/mixed; boundary=bb\n\n"
        + "--bb\nContent-Type: multipart/alternative; boundary=b\n\n--b\n\none\n--b--\n--bb\n\nthree\n--bb--\n",
        "nested with two dashes at the end of the boundary": _MIXED
        + "--b\nContent-Type: multipart/alternative; boundary=b--\n\n--b--\n\none\n--b----\n--b\n\nthree\n--b--\n",
        "inner multipart never closed": _MIXED
        + "--b\nContent-Type: multipart/alternative; boundary=c\n\n--c\n\none\n--b\n\nthree\n--b--\n",
        "embedded message": _MIXED
        + "--b\nContent-Type: message/rfc822\n\nSubject: in\nFrom: a@example.org\n\nhello\n--b\n\nlast\n--b--\n",
        "embedded multipart": _MIXED
        + "--b\nContent-Type: message/rfc822\n\nSubject: in\n"
        + "Content-Type: multipart/mixed; boundary=c\n\n--c\n\none\n--c--\n"
        + "--b--\n",
        "embedded message without body": _MIXED
        + "--b\nContent-Type: message/rfc822\n\nSubject: in\n--b\n\nlast\n--b--\n",
        "embedded message without anything": _MIXED + "--b\nContent-Type: message/rfc822\n\n--b\n\nlast\n--b--\n",
        "embedded message in base64": "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n"
        + "U3ViamVjdDogeA==\n",
        "embedded message in base64 with a blank line": _MIXED
        + "--b\nContent-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n\nU3ViamVjdDogeA==\n--b--\n",
        "boundary in sections": "Content-Type: multipart/mixed; boundary*0=a; boundary*1=b\n\n--ab\n\none\n--ab--\n",
        "boundary with white space": "Content-Type: multipart/mixed; boundary=a b\n\n--a b\n\none\n--a b--\n",
        "message is a message": "Content-Type: message/rfc822\n\nSubject: in\n\nhello\n",
        "message/global": "Content-Type: message/global\n\nSubject: in\n\nhello\n",
        "message/delivery-status": "Content-Type: message/delivery-status\n\nReporting-MTA: dns; a\n\nAction: failed\n",
        "digest": "Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: in\n\nhello\n--b\nContent-Type: text/plain\n\n"
        + "two\n--b--\n",
        "digest in which only the encoding is said": "Content-Type: multipart/digest; boundary=b\n\n"
        + "--b\nContent-Transfer-Encoding: 8bit\n\nSubject: in\n\nhello\n--b--\n",
        "type without subtype": "Content-Type: text\n\nhello\n",
        "type that is empty": "Content-Type:\n\nhello\n",
        "type that is no type": "Content-Type: ; charset=utf-8\n\nhello\n",
        "type with comments": "Content-Type: text/(a)html(b); (c) charset=(d)utf-8 (e)\n\nhello\n",
        "two types": "Content-Type: text/html\nContent-Type: text/plain; charset=x\n\nhello\n",
        "parameters without semicolon": "Content-Type: text/plain charset=utf-8 format=flowed\n\nhello\n",
        "parameters with empty ones": "Content-Type: text/plain;; charset=utf-8; ;format=flowed;\n\nhello\n",
        "parameter without value": "Content-Type: text/plain; charset; format=flowed\n\nhello\n",
        "parameter with an empty value": 'Content-Type: text/plain; charset=; name=""\n\nhello\n',
        "parameter with white space around": "Content-Type: text/plain; charset = utf-8 ; format= flowed\n\nhello\n",
        "parameter with open quotes": 'Content-Type: text/plain; name="a b\n\nhello\n',
        "parameter with escapes": 'Content-Type: text/plain; name="a\\"b\\\\c"\n\nhello\n',
        "parameter unquoted with white space": "Content-Type: text/plain; name=a b.txt; charset=utf-8\n\nhello\n",
        "parameter unquoted with specials": "Content-Type: text/plain; name=a/b[1].txt; charset=utf-8\n\nhello\n",
        "parameter with an encoded-word": 'Content-Type: text/plain; name="=?utf-8?q?=C3=A4?="\n\nhello\n',
        "parameter folded": 'Content-Type: text/plain;\n name="a\n b"\n\nhello\n',
        "parameter twice": "Content-Type: text/plain; charset=a; charset=b\n\nhello\n",
        "RFC 2231 charset": "Content-Type: text/plain; name*=iso-8859-1'en'%E4%20b\n\nhello\n",
        "RFC 2231 sections": 'Content-Type: text/plain; name*0="a b"; name*1="c%20"\n\nhello\n',
        "RFC 2231 sections with charset": "Content-Type: text/plain; name*0*=utf-8''%C3; name*1*=%A4; name*2=%41\n\nhello\n"
        + "",
        "RFC 2231 sections out of order": "Content-Type: text/plain; name*1=b; name*0=a; charset=x\n\nhello\n",
        "RFC 2231 sections with a gap": "Content-Type: text/plain; name*0=a; name*2=c\n\nhello\n",
        "RFC 2231 sections without a first": "Content-Type: text/plain; name*1=b\n\nhello\n",
        "RFC 2231 and plain": "Content-Type: text/plain; name=plain; name*=utf-8''%C3%A4\n\nhello\n",
        "disposition": 'Content-Disposition: Attachment; filename="a.txt"; size=3\n\nhello\n',
        "disposition without parameters": "Content-Disposition: inline\n\nhello\n",
        "disposition that is empty": "Content-Disposition: ; filename=x\n\nhello\n",
        "all the fields": "Content-Type: image/png; name=a\nContent-ID: <a@b>\nContent-Description: d  e\n"
        + "Content-Transfer-Encoding: BASE64\nContent-MD5: Q2hlY2s=\nContent-Language: en, de (x)\n"
        + "Content-Location: http://example.org/\n x\nContent-Disposition: inline; a=b\n\naGk=\n",
        "multipart with all the fields": "Content-Type: multipart/related; boundary=b; type=x\nContent-ID: <a@b>\n"
        + "Content-Description: d\nContent-Language: en\nContent-Location: l\nContent-Disposition: inline; a=b\n\n"
        + "--b\n\none\n--b--\n",
        "unknown encoding": "Content-Transfer-Encoding: x-zip; a=b\n\nhello\n",
        "white space before the colon": "Content-Type : text/html\nSubject\t: x\n\nhello\n",
        "mbox line": "From a@example.org Mon Jan  1 10:00:00 2024\nContent-Type: text/html\n\nhello\n",
        "blank line of white space": "Subject: x\n \nContent-Type: text/html\n\nhello\n",
        "dashes at the end of the header": "Content-Type: multipart/mixed; boundary=b\n--b\n\none\n--b--\n",
    }.items()
}
