"""Ranges, strategies and metrics: pure functions."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asl_runner.sagemaker.metrics import MetricReader, builtin_definitions
from asl_runner.sagemaker.ranges import read_ranges, texts
from asl_runner.sagemaker.search import BayesianSearch, GridSearch, RandomSearch, Result

DOCUMENT = {
    "ContinuousParameterRanges": [
        {"Name": "alpha", "MinValue": "0", "MaxValue": "1000"},
        {"Name": "eta", "MinValue": "0.0001", "MaxValue": "1"},
        {"Name": "momentum", "MinValue": "0.5", "MaxValue": "0.999", "ScalingType": "ReverseLogarithmic"},
    ],
    "IntegerParameterRanges": [{"Name": "depth", "MinValue": "2", "MaxValue": "7"}],
    "CategoricalParameterRanges": [{"Name": "kind", "Values": ["a", "b", "c"]}],
}
RANGES = read_ranges(DOCUMENT)


@given(st.floats(min_value=0, max_value=1, exclude_max=True))
def test_every_position_gives_a_value_of_the_range(position: float) -> None:
    found = texts(RANGES, {item.name: position for item in RANGES})
    assert 0 <= float(found["alpha"]) <= 1000
    assert 0.0001 <= float(found["eta"]) <= 1
    assert 0.5 <= float(found["momentum"]) <= 0.999
    assert 2 <= int(found["depth"]) <= 7
    assert found["kind"] in {"a", "b", "c"}
    assert "e" not in found["eta"]


def test_scaling() -> None:
    middle = texts(RANGES, {item.name: 0.5 for item in RANGES})
    assert float(middle["alpha"]) == 500
    assert math.isclose(float(middle["eta"]), 0.01)
    assert math.isclose(1 - float(middle["momentum"]), math.sqrt(0.5 * 0.001))


@pytest.mark.parametrize(
    "item, text",
    [
        ({"MinValue": "0", "ScalingType": "Logarithmic"}, "needs a MinValue above 0"),
        ({"MaxValue": "2", "ScalingType": "ReverseLogarithmic"}, "0 <= x < 1"),
        ({"MinValue": "low"}, "must be numbers"),
        ({"MinValue": "3"}, "is above MaxValue"),
        ({"MaxValue": "inf"}, "must be finite"),
    ],
)
def test_ranges_that_make_no_sense(item: dict[str, str], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        read_ranges({"ContinuousParameterRanges": [{"Name": "x", "MinValue": "0.1", "MaxValue": "0.9", **item}]})


def test_equal_ends_are_legal() -> None:
    ranges = read_ranges({"IntegerParameterRanges": [{"Name": "x", "MinValue": "4", "MaxValue": "4"}]})
    assert texts(ranges, {"x": 0.99}) == {"x": "4"}


def _objective(found: dict[str, str]) -> float:
    return abs(math.log(float(found["eta"]) / 0.01)) + abs(int(found["depth"]) - 3) + (found["kind"] != "b")


def _best(strategy: BayesianSearch | RandomSearch, trials: int) -> float:
    results: list[Result] = []
    for index in range(trials):
        point = strategy.ask(index, results, [])
        results.append(Result(point, _objective(texts(RANGES, point))))
    return min(result.value for result in results if result.value is not None)


def test_bayesian_search_learns() -> None:
    seeds = range(6)
    learned = [_best(BayesianSearch(RANGES, seed, minimize=True, first=3), 40) for seed in seeds]
    drawn = [_best(RandomSearch(RANGES, seed), 40) for seed in seeds]
    assert sum(learned) < sum(drawn)


def test_the_same_question_has_the_same_answer() -> None:
    results = [Result(RandomSearch(RANGES, 5).ask(index, [], []), float(index)) for index in range(6)]
    running = [result.point for result in results[-2:]]
    answers = [BayesianSearch(RANGES, 1, minimize=False, first=2).ask(9, results, running) for _ in range(2)]
    assert answers[0] == answers[1]
    assert answers[0] != BayesianSearch(RANGES, 2, minimize=False, first=2).ask(9, results, running)


def test_first_points_are_spread() -> None:
    strategy = BayesianSearch(
        read_ranges({"ContinuousParameterRanges": DOCUMENT["ContinuousParameterRanges"]}), 3, minimize=True, first=16
    )
    positions = sorted(strategy.ask(index, [], [])["alpha"] for index in range(16))
    assert max(b - a for a, b in pairwise(positions)) < 0.25


def test_failed_trials_teach_nothing() -> None:
    point = {item.name: 0.5 for item in RANGES}
    strategy = BayesianSearch(RANGES, 3, minimize=True, first=1)
    assert strategy.ask(9, [Result(point, None)], []) == strategy.ask(9, [], [])


def test_grid_runs_through_all_combinations() -> None:
    ranges = read_ranges(
        {"CategoricalParameterRanges": [{"Name": "x", "Values": ["1", "2"]}, {"Name": "y", "Values": ["a", "b", "c"]}]}
    )
    grid = GridSearch(ranges)
    assert grid.size == 6
    found = [texts(ranges, grid.ask(index, [], [])) for index in range(6)]
    assert [(one["x"], one["y"]) for one in found] == [(x, y) for x in "12" for y in "abc"]


def test_metrics_match_the_line_as_printed_and_with_written_tabs() -> None:
    definitions = [
        *builtin_definitions("sagemaker-xgboost"),
        {"Name": "written", "Regex": r".*\[[0-9]+\].*#011validation-rmse:(\S+)"},
        {"Name": "printed", "Regex": r"\ttrain-rmse:(\S+)"},
    ]
    reader = MetricReader(definitions)
    reader.feed("[0]\ttrain-rmse:0.5\tvalidation-rmse:0.6", 1.0)
    reader.feed("[1]\ttrain-rmse:0.25\tvalidation-rmse:1e-2", 2.0)
    reader.feed("nothing here", 3.0)
    assert reader.latest() == {"train:rmse": 0.25, "validation:rmse": 0.01, "written": 0.01, "printed": 0.25}
    assert {one["Timestamp"] for one in reader.final()} == {2.0}
    assert [reading.value for reading in reader.history["train:rmse"]] == [0.5, 0.25]


def test_values_that_are_no_numbers_are_left_out() -> None:
    reader = MetricReader([{"Name": "x", "Regex": "x=(.*)"}])
    for text in ("x=high", "x=nan", "x=inf"):
        reader.feed(text, 1.0)
    assert reader.last("x") is None
    reader.feed("x=3", 1.0)
    assert reader.last("x") == 3


@pytest.mark.parametrize("regex, text", [("(", "is not valid"), ("x=1", "needs a group")])
def test_expressions_that_cannot_work(regex: str, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        MetricReader([{"Name": "x", "Regex": regex}])


def test_a_curve_goes_from_the_first_value_to_the_newest() -> None:
    reader = MetricReader([{"Name": "x", "Regex": "x=(.*)"}, {"Name": "ObjectiveMetric", "Regex": "x=(.*)"}])
    assert (reader.curves(4), reader.curve("x", 4)) == ({}, ())
    for number in range(10):
        reader.feed(f"x={number}", 1.0)
        assert reader.curve("x", 4)[-1] == number
    assert reader.curves(4) == {"x": (0, 3, 6, 9)}
    assert reader.curve("ObjectiveMetric", 100) == tuple(range(10))
