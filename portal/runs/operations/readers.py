"""How many people wait for a publication, as the room above knows it."""

from collections.abc import Callable, Collection

Count = Callable[[Collection[int]], dict[int, int]]
_counts: list[Count] = []


def register(count: Count) -> None:
    """Name who counts followers: from keys of publications to their numbers, in one query."""
    _counts[:] = [count]


def followers(publications: Collection[int]) -> dict[int, int]:
    """How many follow each of the publications; those that nobody follows may be left out."""
    return _counts[0](publications) if _counts and publications else {}
