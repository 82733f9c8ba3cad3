"""The cases recorded on AWS that need no service but Lambda, played against the interpreter."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from in_process import CONFORMANCE, Clients, harness, options

REQUIRED = {"pure": 100.0, "lambda": 96.0}
"""Percentage of exact cases below which the test fails: the last one reached.

One Lambda recording is older than `Execution.RedriveCount`; in another the order of simultaneous timeouts is chance.
"""

LATER = {"distributed-map", "item-reader", "item-batcher", "result-writer", "api", "activity", "callback"}
"""Features that come with the language and endpoint issues."""


@pytest.fixture(autouse=True)
def _recursion_limit() -> Iterator[None]:
    """The comparison program raises the limit for itself; later tests must not run without one."""
    limit = sys.getrecursionlimit()
    yield
    sys.setrecursionlimit(limit)


@pytest.mark.skipif(not CONFORMANCE.exists(), reason="the recorded cases are not beside this checkout")
@pytest.mark.parametrize("tag", list(REQUIRED))
def test_recorded_cases(tag: str, tmp_path: Path) -> None:
    run = harness()
    opt = options(tmp_path)
    cases = [
        case
        for case in run.load_cases([str(CONFORMANCE / "cases")], opt)
        if case["kind"] == "execution"
        and tag in case["features"]
        and not LATER & set(case["features"])
        and not case.get("setup", [])[1 if tag == "lambda" else 0 :]
    ]
    # Threads, because the cases that need real time do nothing but wait.
    with ThreadPoolExecutor(4 if tag == "lambda" else 1) as threads:
        results = list(threads.map(lambda case: run.run_case(case, opt, Clients(tmp_path)), cases))
    wrong = [result for result in results if not result["exact"]]
    for result in wrong:
        print(result["name"], result.get("error", ""), *result.get("diffs", [])[:2], sep="\n    ")
    exact = 100 * (len(results) - len(wrong)) / len(results)
    print(f"{tag}: {len(results)} cases, {exact:.1f}% exact")
    assert exact >= REQUIRED[tag]
