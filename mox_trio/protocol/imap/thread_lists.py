"""Trees of THREAD as lists (RFC 5256 5, thread-list): written without recursion, for a thread may be long."""

from mox_trio.protocol.imap.responses import ThreadTree


def encode(roots: tuple[ThreadTree, ...]) -> bytes:
    """One list a root: "(2)(3 6 (4 23)(44 7 96))". A root that is not there stands for its children."""
    return b"".join([b"(%d)" % root[0] if root[0] is not None and not root[1] else _tree(root) for root in roots])


def _tree(root: ThreadTree) -> bytes:
    out: list[bytes] = []
    # What is still to be written, the next one last: a tree with what stands before it, or a closing parenthesis.
    todo: list[tuple[bytes, ThreadTree] | None] = [None, (b"(", root)]
    while todo:
        entry = todo.pop()
        if entry is None:
            out.append(b")")
            continue
        before, (number, children) = entry
        if number is None:
            out.append(before)
            before = b""  # of the children: they begin where the message that is not there would be
        else:
            out.append(b"%b%d" % (before, number))
            before = b" "
        if len(children) == 1:
            todo.append((before, children[0]))
        else:
            for place, child in reversed(list(enumerate(children))):
                todo += (None, (before + b"(" if place == 0 else b"(", child))
    return b"".join(out)
