"""Differences of data, stages of a step, marks of a graph: what faces show, as data."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asl_runner.views.differences import Change, changes
from asl_runner.views.marks import seconds

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xyz"), inner, max_size=3),
    max_leaves=8,
)


def patched(before: Any, after: Any, found: list[Change]) -> Any:
    """`before` with the values of `after` at the places that were found to differ."""
    value = copy.deepcopy(before)
    removed = [one for one in found if one.kind == "removed"]
    for change in [*(one for one in found if one.kind != "removed"), *reversed(removed)]:
        if not change.path:
            return after
        target, source = value, after
        for step in change.path[:-1]:
            target, source = target[step], source[step]
        last = change.path[-1]
        if change.kind == "removed":
            del target[last]
        elif change.kind == "added" and isinstance(target, list):
            target.append(source[last])
        else:
            target[last] = source[last]
    return value


@settings(deadline=None)
@given(JSON, JSON)
def test_the_changes_lead_from_one_value_to_the_other(before: Any, after: Any) -> None:
    found = changes(before, after)
    assert patched(before, after, found) == after
    assert changes(before, before) == []


def test_true_is_not_one() -> None:
    assert changes({"a": True}, {"a": 1}) == [Change(("a",), "changed")]
    assert changes([1, 2], [1, 3, 4]) == [Change((1,), "changed"), Change((2,), "added")]


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.0124, "12 ms"), (1.254, "1.25 s"), (59.94, "59.9 s"), (185, "3 min 5 s"), (7440, "2 h 4 min"), (3600, "1 h")],
)
def test_durations_are_said_in_two_units(value: float, said: str) -> None:
    assert seconds(value) == said
