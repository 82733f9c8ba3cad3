"""Paths read values as recorded on AWS and as Jayway's json-path does."""

from __future__ import annotations

from typing import Any

import pytest
from expression_surroundings import NOWHERE, Surroundings, json_values, names, outcome
from hypothesis import example, given
from hypothesis import strategies as st

from asl_runner.expressions.environment import ExpressionSyntaxError
from asl_runner.expressions.jsonpath import PathNotFound, compile_path

STORE: dict[str, Any] = {
    "store": {"book": [{"title": "A", "price": 5}, {"title": "B", "price": 12, "isbn": "x"}], "open": True},
    "items": [1, 2, 3],
    "users": [{"n": "a", "age": 10, "status": 0}, {"n": "b", "age": 20, "status": 1}],
    "détail": 1,
    "ключ": 2,
    "k-e-y": 3,
    "@type": 4,
    "123": 5,
    "a.b": 6,
    "it's": 7,
    'Test\\""Name"': 8,
    "foo@bar": {"baz[[": {".?pretty": 9}},
    "where": 10,
    "nothing": None,
}

DEFINITE = [
    ("$", STORE),
    ("$.store.open", True),
    ("$.store.book[0].title", "A"),
    ("$.store.book[-1].title", "B"),
    ("$['store']['book'][1]['isbn']", "x"),
    ('$["store"].open', True),
    ("$.store.['open']", True),
    ("$.items.[1]", 2),
    ("$[ 'items' ][ 0 ]", 1),
    ("$.détail", 1),
    ("$.ключ", 2),
    ("$.k-e-y", 3),
    ("$.@type", 4),
    ("$.123", 5),
    ("$['a.b']", 6),
    (r"$.a\.b", 6),
    (r"$['it\'s']", 7),
    ('$["it\'s"]', 7),
    (r"""$['Test\""Name"']""", 8),
    (r"$.foo\@bar.baz\[\[.\.\?pretty", 9),
    (r"$.\stor\e.ope\n", True),
    ("$.where", 10),
    ("$.nothing", None),
    ("$.users[0]['n','age']", {"n": "a", "age": 10}),
    ("$.users[0]['n','missing']", {"n": "a"}),
]

INDEFINITE = [
    ("$[*]", list(STORE.values())),
    ("$.items[*]", [1, 2, 3]),
    ("$.users[*].n", ["a", "b"]),
    ("$.users.*.n", ["a", "b"]),
    ("$.users[0].*", ["a", 10, 0]),
    ("$.items[1:]", [2, 3]),
    ("$.items[:1]", [1]),
    ("$.items[-2:]", [2, 3]),
    ("$.items[1:5]", [2, 3]),
    ("$.items[0,2]", [1, 3]),
    ("$.items[0,9]", [1]),
    ("$.users[*]['n','age']", [{"n": "a", "age": 10}, {"n": "b", "age": 20}]),
    ("$..title", ["A", "B"]),
    ("$.store..price", [5, 12]),
    ("$..book[0].title", ["A"]),
    ("$.users[?(@.status == 0)]", [STORE["users"][0]]),
    ("$.users[?(@.status == 0)].n", ["a"]),
    ("$.users.[?(@.age > 5)].n", ["a", "b"]),
    ("$.users[?(@.age > 5 && @.n != 'a')].n", ["b"]),
    ("$.users[?(@.n == 'a' || @.age >= 20)].n", ["a", "b"]),
    ("$.users[?(!(@.n == 'a'))].n", ["b"]),
    ("$.users[?(!@.isbn)].n", ["a", "b"]),
    ("$.store.book[?(@.isbn)].title", ["B"]),
    ("$.store.book[?(10 > @.price)].title", ["A"]),
    ("$.store.book[?(@.title == A)].price", [5]),
    ("$.store.book[?(@.price == $.users[0].age)]", []),
    ("$.store.book[?(@.price < $.users[0].age)].title", ["A"]),
    ("$.users[?(@['n'] == \"b\")].age", [20]),
    ("$.users[0][?(@.age > 5)]", [STORE["users"][0]]),
    ("$..[?(@.isbn)].title", ["B"]),
    ("$.items[?(@ > 1)]", []),
    ("$.missing[*]", []),
    ("$.missing.deeper[*].x", []),
    ("$.missing[1:]", []),
    ("$.missing[?(@.x)]", []),
]


@pytest.mark.parametrize("text, expected", DEFINITE)
def test_a_definite_path_gives_the_value_itself(text: str, expected: Any) -> None:
    path = compile_path(text)
    assert path.definite
    assert path(STORE, NOWHERE) == expected


@pytest.mark.parametrize("text, expected", INDEFINITE)
def test_an_indefinite_path_gives_the_list_of_what_it_finds(text: str, expected: Any) -> None:
    path = compile_path(text)
    assert not path.definite
    assert not path.reference
    assert path(STORE, NOWHERE) == expected


@pytest.mark.parametrize("text", ["$[*]", "$.items[*]", "$.items[1:]", "$.items[:1]", "$.item.items[1:5].itemValue"])
def test_nothing_to_find_in_an_empty_object_is_an_empty_list(text: str) -> None:
    assert compile_path(text)({}, NOWHERE) == []


@pytest.mark.parametrize(
    "text, data, message",
    [
        ("$.NoSuch", {}, "No results for path: $['NoSuch']"),
        ("$.no.such.result.path", {}, "Missing property in path $['no']"),
        ("$.a.b", {"a": {}}, "No results for path: $['a']['b']"),
        ("$.a[5]", {"a": [1]}, "No results for path: $['a'][5]"),
        ("$.a[0]", {"a": None}, "The path $['a'] is null"),
        ("$.a.b.c.d", {"a": {"b": {}}}, "Missing property in path $['a']['b']['c']"),
    ],
)
def test_a_missing_definite_node_is_told_in_jayways_words(text: str, data: Any, message: str) -> None:
    with pytest.raises(PathNotFound) as caught:
        compile_path(text)(data, NOWHERE)
    assert caught.value.message == message
    assert caught.value.path_text == text
    assert caught.value.invalid_path == f"Invalid path '{text}' : {message}"
    assert caught.value.error == "States.Runtime"


@pytest.mark.parametrize(
    "text, data",
    [("$.a.b", {"a": "text"}), ("$.a.b", {"a": [1]}), ("$.a[0]", {"a": "text"}), ("$.a[0]", {"a": {"0": 1}})],
)
def test_a_step_into_a_value_of_another_type_finds_nothing(text: str, data: Any) -> None:
    with pytest.raises(PathNotFound):
        compile_path(text)(data, NOWHERE)


def test_roots() -> None:
    env = Surroundings({"v": {"a": [1, 2]}, "name2": 0}, {"Execution": {"Input": {"x": 1}}})
    assert compile_path("$$")({}, env) == env.context
    assert compile_path("$$.Execution.Input.x")({}, env) == 1
    assert compile_path("$v.a[1]")({}, env) == 2
    assert compile_path("$name2")({}, env) == 0
    assert compile_path("$v.a[*]")({}, env) == [1, 2]
    assert [compile_path(text).root for text in ("$.a", "$$.a", "$a.a")] == ["input", "context", "variable"]
    with pytest.raises(PathNotFound):
        compile_path("$other.a")({}, env)


@pytest.mark.parametrize(
    "text, reference",
    [
        ("$.store.book", True),
        (r"$.store\.book", True),
        ("$['store'][0]['book']", True),
        ("$$.Execution.Id", True),
        ("$v.x", True),
        ("$.a[*]", False),
        ("$..a", False),
        ("$.a[0,1]", False),
        ("$['a','b']", False),
        ("$.a:b", False),
        ("$.a@b", False),
    ],
)
def test_reference_paths_name_one_node(text: str, reference: bool) -> None:
    assert compile_path(text).reference is reference


@pytest.mark.parametrize(
    "text, offset",
    [
        ("", 0),
        ("o.x", 0),
        ("$.", 1),
        ("$.a.", 3),
        ("$..", 2),
        ("$.a b", 3),
        ("$.o.x + $.o.y", 5),
        ("$.a | $.b", 3),
        ("$.l.`len`", 4),
        (r"$.i[\x]", 4),
        ("$[01]", 2),
        ("$.o[x]", 4),
        ("$.o[", 3),
        ("$.o['x", 4),
        ("$.o['x'", 3),
        ("$.a[::2]", 5),
        ("$.a[1,x]", 6),
        ("$.a.length()", 4),
        ("$.a[?@.x]", 4),
        ("$.a[?(@.x]", 9),
        ("$.a[?(@.x =~ /x/)]", 10),
        ("$.a[?(@.x = 1)]", 10),
        ("$.a[?(@.x in ['a'])]", 10),
        ("$.a[?(1 == 2)]", 6),
        ("$.a[?(@.x == $v)]", 13),
        ("$.a[?()]", 6),
        ("$.a[99999999999999]", 4),
        ("$$$", 2),
    ],
)
def test_what_is_no_path_is_refused_with_the_place(text: str, offset: int) -> None:
    with pytest.raises(ExpressionSyntaxError) as caught:
        compile_path(text)
    assert caught.value.offset == offset
    assert caught.value.message


@given(st.text(st.sampled_from("$.[]()?@'\"*,:&|!=<>\\ ab10-é"), max_size=24))
@example("$[?(" + "(" * 5000)
@example("$" + "[0]" * 3000)
def test_the_parser_accepts_or_refuses_and_never_crashes(text: str) -> None:
    path = outcome(lambda: compile_path(text), ExpressionSyntaxError)
    if isinstance(path, ExpressionSyntaxError):
        assert 0 <= path.offset <= len(text)
    else:
        result = outcome(lambda: path({"a": [{"b": 1}]}, NOWHERE), PathNotFound)
        assert not isinstance(result, PathNotFound) or path.definite or path.root == "variable"


steps = st.lists(names | st.integers(-3, 3), max_size=4)


def quoted(keys: list[str | int]) -> str:
    return "$" + "".join(f"[{key}]" if isinstance(key, int) else f"[{quote(key)}]" for key in keys)


def quote(name: str) -> str:
    return "'" + name.replace("\\", "\\\\").replace("'", "\\'") + "'"


@given(json_values, steps)
def test_a_definite_path_finds_what_jsonpath_ng_finds(data: Any, keys: list[str | int]) -> None:
    from jsonpath_ng import Child, Fields, Index, Root

    oracle = Root()
    for key in keys:
        oracle = Child(oracle, Index(key) if isinstance(key, int) else Fields._compliant_constructor(key))
    found = [match.value for match in oracle.find(data)]
    path = compile_path(quoted(keys))
    try:
        value = path(data, NOWHERE)
    except PathNotFound:
        assert found == []
    else:
        assert found == [value]


@given(json_values, st.sampled_from(["$[*]", "$.a[*]", "$.a[*].b", "$.a[1:]", "$.a[:-1].b", "$.a[0,1]"]))
def test_an_indefinite_path_finds_what_jsonpath_ng_finds(data: Any, text: str) -> None:
    from jsonpath_ng.ext import parse

    if text == "$[*]" or (isinstance(data, dict) and isinstance(data.get("a"), list)):
        assert compile_path(text)(data, NOWHERE) == [match.value for match in parse(text).find(data)]


@given(st.text(max_size=6))
def test_any_string_can_be_compared_in_a_filter(value: str) -> None:
    path = compile_path(f"$[?(@.v == {quote(value)})]")
    assert path([{"v": value}, {"v": value + "x"}], NOWHERE) == [{"v": value}]
