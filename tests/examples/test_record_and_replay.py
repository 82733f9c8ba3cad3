"""An execution recorded once, replayed against the definition as it is now: what did a change do to it?"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from asl_runner.definition import load
from asl_runner.testing import Asl
from asl_runner.testing.replay.fixture import fixture_of, read_fixture, write_fixture
from asl_runner.testing.replay.replaying import replay

ORDER = Path("state_machines/order.asl.json")
INPUT = json.loads(Path("state_machines/order-input.json").read_text(encoding="utf-8"))


def test_a_change_shows_where_the_recording_parts_from_it(asl: Asl, tmp_path: Path) -> None:
    write_fixture(fixture_of(asl.run(ORDER, INPUT).assert_succeeded()), tmp_path / "order.execution.json")
    recorded = read_fixture(tmp_path / "order.execution.json")
    text = ORDER.read_text(encoding="utf-8")
    assert asyncio.run(replay(recorded, load(text))).same
    cheaper = asyncio.run(
        replay(recorded, load(text.replace('"NumericGreaterThan": 1000', '"NumericGreaterThan": 50')))
    )
    assert cheaper.parted_at == ("", "Settle", "Not approved")
    assert cheaper.outcome["error"] == (None, "NotApproved")
