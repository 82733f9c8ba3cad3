"""Regular expressions that are compiled when they are first used.

Compiling one costs about as much as importing a small module, and a run uses few of the many there are.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property

__all__ = ["LazyPattern"]


class LazyPattern:
    """A regular expression, with the methods of `re.Pattern` of the same names; from the first use on as fast."""

    def __init__(self, text: str, flags: int = 0) -> None:
        self._text = text
        self._flags = flags

    @cached_property
    def compiled(self) -> re.Pattern[str]:
        """The expression as `re` knows it. Raises `re.error` for a text that is none."""
        return re.compile(self._text, self._flags)

    @cached_property
    def match(self) -> Callable[..., re.Match[str] | None]:
        """`re.Pattern.match`."""
        return self.compiled.match

    @cached_property
    def fullmatch(self) -> Callable[..., re.Match[str] | None]:
        """`re.Pattern.fullmatch`."""
        return self.compiled.fullmatch

    @cached_property
    def search(self) -> Callable[..., re.Match[str] | None]:
        """`re.Pattern.search`."""
        return self.compiled.search

    @cached_property
    def sub(self) -> Callable[..., str]:
        """`re.Pattern.sub`."""
        return self.compiled.sub
