"""The cases recorded on AWS, played over HTTP: no area may fall below what it has reached."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from recorded_cases import CONFORMANCE, Area, by_area, kept, play

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.skipif(not CONFORMANCE.exists(), reason="the recorded cases are not beside this checkout")
def test_recorded_cases_over_http(serve: Callable[..., Any], tmp_path: Path) -> None:
    results = play(serve().url, tmp_path)
    areas, reached = by_area(results), {name: Area(**area) for name, area in kept()["areas"].items()}
    fallen = {
        name: f"{area.exact_percentage:.1f} % exact, was {reached[name].exact_percentage:.1f} %"
        for name, area in areas.items()
        if name in reached and area.exact_percentage < reached[name].exact_percentage
    }
    known = {one["case"] for one in kept()["differences"]}
    for one in results:
        if one["area"] in fallen and not one["exact"] and one["name"] not in known:
            print(one["name"], one.get("error", ""), *(one.get("diffs") or [])[:3], sep="\n    ")
    assert not fallen


def test_every_area_of_api_operations_is_at_its_mark() -> None:
    for name, fields in kept()["areas"].items():
        if name.startswith("sfn-api") or name in {"express", "test_state", "activities"}:
            assert Area(**fields).possible_percentage >= 95, name


def test_conformance_page_is_current() -> None:
    page = (ROOT / "docs" / "conformance.md").read_text(encoding="utf-8")
    generated = re.findall(r"^\]\]\] -->\n(.*?)\n<!-- \[\[\[end", page, re.MULTILINE | re.DOTALL)
    spec = importlib.util.spec_from_file_location("conformance_page", ROOT / "docs" / "conformance_page.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert generated == [module.results(), module.differences()], "run: python -m cogapp -r -I docs docs/conformance.md"
