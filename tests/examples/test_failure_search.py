"""Which failures of its tasks does a state machine not handle?"""

from __future__ import annotations

import json
from pathlib import Path

from asl_runner.configuration import Configuration
from asl_runner.definition import load
from asl_runner.testing.chaos.search import search

ORDER = Path("state_machines/order.asl.json")
INPUT = json.loads(Path("state_machines/order-input.json").read_text(encoding="utf-8"))
ANSWERS = {"Add up": {"StatusCode": 200, "Payload": 60}}


async def test_what_the_order_machine_does_not_handle(tmp_path: Path) -> None:
    configuration = Configuration(root=tmp_path, workspace=tmp_path)
    found = await search(load(ORDER), INPUT, ANSWERS, configuration, pairs=False)
    told = {(one.injections[0].state, one.injections[0].error): one.verdict for one in found.findings}
    assert told["Charge card", "CardDeclined"] == "handled"
    assert told["Charge card", "ServiceBusy"] == "handled"
    assert told["Price item", "UnknownItem"] == "handled"
    assert told["Charge card", "Lambda.TooManyRequestsException"] == "uncaught"
    assert told["Add up", "no answer"] == "endless"
