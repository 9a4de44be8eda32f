"""IMAP's parenthesised lists as Python lists, so that answers can be compared by what they say."""

import re
from typing import Any

_ITEM = re.compile(rb' *(?:(\()|(\))|"((?:[^"\\]|\\.)*)"|\{(\d+)\}\r\n|(NIL)|(\d+))', re.DOTALL)


def parse(data: bytes) -> Any:
    """A list of lists, str, int and None, from one parenthesised list. ValueError where it is not well-formed."""
    stack: list[list[Any]] = [[]]
    at = 0
    while at < len(data):
        item = _ITEM.match(data, at)
        if item is None:
            raise ValueError(f"no list at {at}: {data[at : at + 40]!r}")
        at = item.end()
        opens, closes, quoted, literal, nil, number = item.groups()
        if opens:
            stack.append([])
        elif closes:
            done = stack.pop()
            stack[-1].append(done)
        elif literal is not None:
            stack[-1].append(_text(data[at : at + int(literal)]))
            at += int(literal)
        elif quoted is not None:
            stack[-1].append(_text(re.sub(rb"\\(.)", rb"\1", quoted)))
        else:
            stack[-1].append(None if nil else int(number))
    if len(stack) != 1 or len(stack[0]) != 1:
        raise ValueError(f"not one list: {data!r}")
    return stack[0][0]


def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")
