"""Patterns: the same answers as `re`, from the first use on."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asl_runner.expressions.patterns import LazyPattern

WORD = r"(\w+)-(\d)?"


@given(st.text("ab-1 \n", max_size=12), st.integers(0, 12))
def test_answers_as_re_does(text: str, start: int) -> None:
    lazy, compiled = LazyPattern(WORD, re.ASCII), re.compile(WORD, re.ASCII)
    for _ in range(2):
        for method in ("match", "fullmatch", "search"):
            ours, theirs = getattr(lazy, method)(text, start), getattr(compiled, method)(text, start)
            assert (ours and (ours.span(), ours.groups())) == (theirs and (theirs.span(), theirs.groups()))
        assert lazy.sub(r"<\1>", text) == compiled.sub(r"<\1>", text)


def test_is_compiled_when_it_is_used() -> None:
    broken = LazyPattern("(")
    with pytest.raises(re.error):
        broken.match("")
