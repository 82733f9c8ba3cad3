"""Which line of a TOML file a key is written on: `tomllib` does not say."""

from __future__ import annotations


def find_line(text: str, path: tuple[str, ...]) -> int:
    """The line (from 1) a key is written on, or else the nearest table around it.

    `tomllib` gives no positions; a key inside an inline table is found on the line of the table it is in.
    """
    import re

    best, depth = 1, 0
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if header := re.match(r"^\[\[?(.+?)\]\]?\s*(?:#.*)?$", stripped):
            table = _keys(header[1])
            here = table
        elif entry := re.match(r"""^((?:"[^"]*"|'[^']*'|[\w.-]|\s*\.\s*)+?)\s*=""", stripped):
            here = table + _keys(entry[1])
        else:
            continue
        if len(here) > depth and here == path[: len(here)]:
            best, depth = number, len(here)
    return best


def _keys(text: str) -> tuple[str, ...]:
    """The parts of a TOML key: `a."b.c".d` is a, b.c, d."""
    import re

    return tuple(a or b or c for a, b, c in re.findall(r""""([^"]*)"|'([^']*)'|([\w-]+)""", text))
