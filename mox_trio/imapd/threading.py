"""Threads of messages (RFC 5256 3 and 4, and REFS of draft-ietf-morg-inthread): pure, on messages in mailbox order.

Nodes are numbers: messages first, in their order, then those that are only referred to. A link that would close a circle is
not made, and neither is one below `DEEPEST` levels of which that is not plain: what a thread costs is bounded by the number of
its references.
"""

import itertools
from collections.abc import Callable
from typing import Final

from mox_trio.mailstore.search import ordering
from mox_trio.mailstore.search.conversations import Members
from mox_trio.protocol.imap.responses import ThreadTree

DEEPEST: Final = 1000
"""Levels that are climbed to see whether a link closes a circle."""
_NONE: Final = -1

Trees = tuple[ThreadTree, ...]
Algorithm = Callable[[Members], Trees]


def ordered_subject(members: Members) -> Trees:
    """ORDEREDSUBJECT: messages of one base subject are a thread, the first of them its root, all others below it."""
    keys = [
        (subject, sent, at) for at, ((subject, _), sent) in enumerate(zip(members.topics, members.sent, strict=True))
    ]
    threads: list[list[int]] = []
    previous = None
    for subject, _, at in ordering.ordered(keys, lambda key: key):
        if subject == previous:
            threads[-1].append(at)
        else:
            threads.append([at])
            previous = subject
    threads = ordering.ordered(threads, lambda thread: keys[thread[0]][1:])
    uids = members.uids
    return tuple([(uids[first], tuple([(uids[at], ()) for at in others])) for first, *others in threads])


def references(members: Members) -> Trees:
    """REFERENCES: by references, then roots of one base subject together."""
    forest = _Forest(members)
    forest.prune()
    forest.order()
    forest.gather()
    forest.order()
    return forest.trees()


def refs(members: Members) -> Trees:
    """REFS: by references alone; threads in the order in which their newest messages arrived."""
    forest = _Forest(members)
    forest.prune()
    forest.order()
    latest = forest.latest()
    forest.roots = ordering.ordered(forest.roots, lambda node: (latest[node], forest.keys[node]))
    return forest.trees()


ALGORITHMS: Final[dict[str, Algorithm]] = {
    "ORDEREDSUBJECT": ordered_subject,
    "REFERENCES": references,
    "REFS": refs,
}


class _Forest:
    """Nodes with their parents and children."""

    def __init__(self, members: Members) -> None:
        self._members = members
        self._count = count = len(members.uids)
        self._parents: list[int] = [_NONE] * count
        self._below: list[int] = [0] * count
        """How many children each node has."""
        self._nodes: dict[str, int] = {}
        for at, links in enumerate(members.links):
            message_id = links.partition("\n")[0]
            if message_id:
                self._nodes.setdefault(message_id, at)  # a second one of that name has none (step 1)
        for at, links in enumerate(members.links):
            self._link(at, links.split("\n"))
        self._nothing: list[int] = []
        """The children of those without any."""
        self._children = [self._nothing] * len(self._parents)
        for node, parent in enumerate(self._parents):
            if parent != _NONE:
                self._put(parent, [node])
        self.roots = [node for node, parent in enumerate(self._parents) if parent == _NONE]
        self.keys: list[tuple[int, int]] = list(zip(members.sent, range(count), strict=True))
        """What nodes are ordered by: when a message was sent, then its place; of a dummy, once it was ordered, its first
        child's."""

    def _is_dummy(self, node: int) -> bool:
        return node >= self._count

    def _put(self, above: int, nodes: list[int]) -> None:
        if self._children[above] is self._nothing:
            self._children[above] = []
        self._children[above] += nodes

    # -- step 1: links

    def _link(self, at: int, linked: list[str]) -> None:
        """`linked`: its own Message-ID, then those before it, the nearest first."""
        chain = [self._node(each) for each in linked[:0:-1]]
        for above, below in itertools.pairwise(chain):
            if self._parents[below] == _NONE:  # 1A: a link that is there stays
                self._adopt(above, below)
        # 1B: what a message says itself counts more; without references it has no parent.
        parent = chain[-1] if chain else _NONE
        if self._parents[at] != parent:
            self._adopt(parent, at)

    def _node(self, message_id: str) -> int:
        node = self._nodes.get(message_id)
        if node is None:
            node = self._nodes[message_id] = len(self._parents)
            self._parents.append(_NONE)
            self._below.append(0)
        return node

    def _adopt(self, above: int, below: int) -> None:
        if above != _NONE and (above == below or (self._below[below] and not self._is_apart(above, below))):
            return
        if self._parents[below] != _NONE:
            self._below[self._parents[below]] -= 1
        self._parents[below] = above
        if above != _NONE:
            self._below[above] += 1

    def _is_apart(self, node: int, other: int) -> bool:
        """Whether a node is surely not below another."""
        for _ in range(DEEPEST):
            if node == other:
                return False
            node = self._parents[node]
            if node == _NONE:
                return True
        return False

    # -- steps 2 to 4, 6: roots, and order

    def _top_down(self) -> list[int]:
        order = list(self.roots)
        for node in order:
            order += self._children[node]
        return order

    def prune(self) -> None:
        """Take out what is only referred to (step 3), but where it holds several messages together at the top."""
        children = self._children
        for node in reversed(self._top_down()):
            if any(map(self._is_dummy, children[node])):
                below = [children[each] if self._is_dummy(each) else [each] for each in children[node]]
                children[node] = list(itertools.chain.from_iterable(below))
        roots: list[int] = []
        for node in self.roots:
            if self._is_dummy(node) and len(children[node]) < 2:
                roots += children[node]
            else:
                roots.append(node)
        self.roots = roots

    def order(self) -> None:
        """Siblings by the dates on which they were sent, and so the roots."""
        keys, children = self.keys, self._children
        keys += [(0, 0)] * (len(children) - len(keys))
        for node in reversed(self._top_down()):
            below = children[node]
            if len(below) > 1:
                below = children[node] = ordering.ordered(below, keys.__getitem__)
            if below and node >= self._count:
                keys[node] = keys[below[0]]
        self.roots = ordering.ordered(self.roots, keys.__getitem__)

    def latest(self) -> dict[int, int]:
        """When the newest message of each thread arrived, by its root."""
        newest = [0] * len(self._children)
        for node in reversed(self._top_down()):
            own = -1 if self._is_dummy(node) else self._members.received[node]
            newest[node] = max([own, *[newest[each] for each in self._children[node]]])
        return {node: newest[node] for node in self.roots}

    # -- step 5: roots of one subject

    def gather(self) -> None:
        """Put threads of one base subject together."""
        table = self._by_subject()
        gone: set[int] = set()
        for root in list(self.roots):
            subject = self._subject(root)
            known = table.get(subject, root)
            if known == root:
                continue
            gone.add(root)
            if self._is_dummy(known):
                self._put(known, self._children[root] if self._is_dummy(root) else [root])
            elif self._is_reply(root) and not self._is_reply(known):
                self._put(known, [root])
            else:
                gone.add(known)
                table[subject] = self._hold([known, root])
        self.roots = [root for root in self.roots if root not in gone]

    def _by_subject(self) -> dict[str, int]:
        table: dict[str, int] = {}
        for root in self.roots:
            subject = self._subject(root)
            known = table.get(subject)
            if subject and (known is None or self._goes_before(root, known)):
                table[subject] = root
        return table

    def _goes_before(self, root: int, known: int) -> bool:
        if self._is_dummy(known):
            return False
        return self._is_dummy(root) or (self._is_reply(known) and not self._is_reply(root))

    def _hold(self, children: list[int]) -> int:
        """A new dummy root with these children."""
        self._children.append(children)
        self.roots.append(len(self._children) - 1)
        return len(self._children) - 1

    def _subject(self, root: int) -> str:
        return self._members.topics[self._children[root][0] if root >= self._count else root][0]

    def _is_reply(self, root: int) -> bool:
        return not self._is_dummy(root) and self._members.topics[root][1]

    def trees(self) -> Trees:
        """What is answered."""
        uids = self._members.uids
        made: dict[int, ThreadTree] = {}
        for node in reversed(self._top_down()):
            number = None if self._is_dummy(node) else uids[node]
            made[node] = (number, tuple([made.pop(each) for each in self._children[node]]))
        return tuple([made[root] for root in self.roots])
