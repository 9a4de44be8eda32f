"""Ways to cut octets into pieces, for everything that takes them in pieces: the result must not depend on the cuts."""

from collections.abc import Iterator

from hypothesis import strategies as st


def three_ways(data: bytes) -> Iterator[list[bytes]]:
    """Whole, an octet at a time, and in pieces of a size that fits nothing."""
    yield [data]
    yield [data[index : index + 1] for index in range(len(data))]
    yield [data[index : index + 7] for index in range(0, len(data), 7)]


@st.composite
def cut(draw: st.DrawFn, data: st.SearchStrategy[bytes]) -> list[bytes]:
    """Octets of `data` in pieces, some of them empty."""
    whole = draw(data)
    places = sorted(draw(st.lists(st.integers(0, len(whole)), max_size=8)))
    return [whole[start:stop] for start, stop in zip([0, *places], [*places, len(whole)], strict=True)]
