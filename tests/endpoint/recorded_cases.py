"""Plays the cases recorded on AWS against a served workspace, and keeps the results reached.

    python tests/endpoint/recorded_cases.py

plays all of them and writes `conformance.json` beside this file and the tables of `docs/conformance.md`.
"""

from __future__ import annotations

import fnmatch
import json
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
CONFORMANCE = HERE.parents[2] / "shared" / "conformance"
KEPT = HERE / "conformance.json"

ALONE = ("*.test_list_activities",)
"""Cases that expect to find nothing of others in the account."""

SUPERSEDED = {
    "encryptionConfiguration": date(2024, 7, 25),
    "RedriveCount": date(2023, 11, 15),
    "RedriveStatus": date(2023, 11, 15),
    "RedriveStatusReason": date(2023, 11, 15),
    "redriveCount": date(2023, 11, 15),
}
"""Fields AWS has added to its answers, and since when: an older recording lacks them."""

MAP_STATE_EXITED_MOVED = date(2024, 11, 13)
"""By then MapStateExited of a distributed Map followed MapRunStarted; until 2024-07-20 it followed MapRunSucceeded."""

_NOT_SENT = "The call that was recorded is not the one the case makes."
_ONE_ROLE = "The case gives the same role again where the recording changed it."
_NOT_KEPT = "The recording does not keep what the check compares."

NOT_REPLAYABLE = {
    "test_sfn_api.test_list_execution_no_such_state_machine": _NOT_SENT,
    "test_sfn_api.test_describe_execution_no_such_state_machine": _NOT_SENT,
    "test_sfn_api.test_invalid_start_execution_arn": _NOT_SENT,
    "test_sfn_api.test_stop_execution": "The case waits for the end of the execution before it stops it.",
    "test_sfn_api.test_create_update_state_machine_base_role_arn": _ONE_ROLE,
    "test_sfn_api.test_create_update_state_machine_same_parameters": _ONE_ROLE,
    "test_sfn_api.test_list_sms": _NOT_KEPT,
    "test_sfn_api_versioning.test_publish_state_machine_version_no_such_machine": _NOT_SENT,
    "express.test_express_async.test_catch": "The recording's replacements broke the JSON text of the cause.",
}
"""Cases nothing can answer as recorded, AWS included, and why."""

LEFT_OUT = {"test_sfn_api.test_stop_execution": "waits a minute for nothing"}
"""Cases that are not played: they take a minute of sleep. They count as not exact."""

CHANCE = ("timeouts.test_timeouts.test_service_lambda_map_timeout",)
"""Cases that are exact or not by chance; the results kept say that they are not."""

REASONS: dict[str, str] = {
    CHANCE[0]: "Which simultaneous timeout comes first is chance.",
    "test_state.*_lambda_get_function_task(integer_*": "Lambda allows a larger `MemorySize` now.",
}
"""Why cases still differ, by a pattern of their names."""


@dataclass
class Area:
    """The results of an area: numbers of cases."""

    cases: int = 0
    outcome: int = 0
    sequence: int = 0
    exact: int = 0
    superseded: int = 0
    not_replayable: int = 0

    @property
    def exact_percentage(self) -> float:
        """Exact ones, of all cases."""
        return 100 * self.exact / self.cases

    @property
    def possible_percentage(self) -> float:
        """Exact ones, of the cases that AWS itself would answer today as recorded."""
        possible = self.cases - self.superseded - self.not_replayable
        return 100 * self.exact / possible if possible else 100.0


def case_files() -> list[Path]:
    return sorted((CONFORMANCE / "cases").glob("*/*.json"))


def play(url: str, directory: Path, *, jobs: int = 8) -> list[dict[str, Any]]:
    """Results of all cases, as the comparison program reports them, with `recorded` and `kind_of_difference` added."""
    cases = {case["name"]: (file, case) for file in case_files() for case in [json.loads(file.read_bytes())]}
    alone = [name for name in cases if any(fnmatch.fnmatchcase(name, one) for one in ALONE)]
    others = [name for name in cases if name not in alone and name not in LEFT_OUT]
    files = {name: file for name, (file, _) in cases.items()}
    results = {one["name"]: one for one in _report(url, directory, [files[name] for name in alone], 1)}
    results |= {one["name"]: one for one in _report(url, directory, [files[name] for name in others], jobs)}
    # What went wrong among others may be their doing: what is wrong alone is wrong.
    again = [files[name] for name, one in results.items() if not one["exact"] and name not in alone]
    results |= {one["name"]: one for one in _report(url, directory, again, jobs) if one["exact"]}
    for name, why in LEFT_OUT.items():
        if name in cases:
            results[name] = _left_out(cases[name][1], why)
    for name, one in results.items():
        one["difference"] = None if one["exact"] else _difference(one, cases[name][1]["recorded"])
    return [results[name] for name in cases]


def by_area(results: list[dict[str, Any]]) -> dict[str, Area]:
    areas: dict[str, Area] = {}
    for one in results:
        area = areas.setdefault(one["area"], Area())
        area.cases += 1
        for level in ("outcome", "sequence", "exact"):
            setattr(area, level, getattr(area, level) + bool(one[level]))
        kind = (one["difference"] or {}).get("kind")
        area.superseded += kind == "superseded"
        area.not_replayable += kind == "not replayable"
    return dict(sorted(areas.items()))


def kept() -> dict[str, Any]:
    """The last results: `areas` (name to the fields of `Area`) and `differences` (case, kind, reason)."""
    found: dict[str, Any] = json.loads(KEPT.read_text(encoding="utf-8"))
    return found


def keep(results: list[dict[str, Any]]) -> None:
    """Writes `conformance.json`."""
    results = [_by_chance(one) if one["name"] in CHANCE else one for one in results]
    areas = {name: vars(area) for name, area in by_area(results).items()}
    differences = [{"case": one["name"], **one["difference"]} for one in results if one["difference"]]
    written = json.dumps({"areas": areas, "differences": differences}, indent=1, ensure_ascii=False)
    KEPT.write_text(f"{written}\n", encoding="utf-8")


def _report(url: str, directory: Path, files: list[Path], jobs: int) -> list[dict[str, Any]]:
    if not files:
        return []
    report = directory / "report.json"
    command = [sys.executable, "-B", str(CONFORMANCE / "run.py"), "--endpoint-url", url, "--json", str(report)]
    command += ["--jobs", str(jobs), "--case-timeout", "25", *map(str, files)]
    ran = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert ran.returncode == 0, ran.stdout[-4000:]
    results: list[dict[str, Any]] = json.loads(report.read_text(encoding="utf-8"))["results"]
    return results


def _by_chance(result: dict[str, Any]) -> dict[str, Any]:
    difference = {"kind": "different", "reason": REASONS[result["name"]]}
    return {**result, "sequence": False, "exact": False, "difference": difference}


def _left_out(case: dict[str, Any], why: str) -> dict[str, Any]:
    levels = {"outcome": False, "sequence": False, "exact": False}
    return {"name": case["name"], "area": case["area"], **levels, "error": f"left out: {why}"}


def _difference(result: dict[str, Any], recorded: str) -> dict[str, str]:
    """Which kind of difference it is, and its reason."""
    name = result["name"]
    if name in NOT_REPLAYABLE:
        return {"kind": "not replayable", "reason": NOT_REPLAYABLE[name]}
    then = datetime.strptime(recorded, "%d-%m-%Y, %H:%M:%S").date()
    newer = [_newer_than(then, *difference) for difference in result.get("diffs") or ()]
    if newer and all(newer):
        return {"kind": "superseded", "reason": f"The recording is older than {', '.join(sorted({*newer}))}."}
    for pattern, reason in REASONS.items():
        if fnmatch.fnmatchcase(name, pattern):
            return {"kind": "different", "reason": reason}
    seen = [path for path, _, _ in result.get("diffs") or ()][:1]
    return {"kind": "different", "reason": f"`{seen[0]}` differs." if seen else result.get("error", "")}


def _newer_than(then: date, path: str, expected: str, actual: str) -> str:
    """What AWS changed after `then` that explains a difference; empty when nothing does."""
    field = path.rpartition(".")[2]
    if then < SUPERSEDED.get(field, date.min):
        return f"`{field}`"
    if path == "$.history.sequence" and then < MAP_STATE_EXITED_MOVED:
        # Both are cut at some length.
        texts = [text.partition(": ")[2].removesuffix("...") for text in (expected, actual)]
        moved = texts[0].replace("/MapRunSucceeded||/MapRunStarted||", "/MapRunStarted||")
        length = min(len(moved), len(texts[1])) - len("/MapRunSucceeded||")
        if "MapStateExited|" in moved and moved != texts[0] and moved[:length] == texts[1][:length]:
            return "what `MapStateExited` of a distributed Map follows"
    return ""


def main() -> None:
    from served import ServerProcess

    with tempfile.TemporaryDirectory() as directory:
        served = ServerProcess(Path(directory))
        try:
            results = play(served.url, Path(directory))
        finally:
            served.stop()
    keep(results)
    page = HERE.parents[1] / "docs" / "conformance.md"
    subprocess.run([sys.executable, "-m", "cogapp", "-r", "-I", str(page.parent), str(page)], check=True)
    for kind, number in Counter((one["difference"] or {"kind": "exact"})["kind"] for one in results).items():
        print(f"{number:5} {kind}")
    for one in results:
        if one["difference"] and one["difference"]["kind"] == "different":
            print(
                one["name"], one["difference"]["reason"], one.get("error", ""), *one.get("diffs", [])[:2], sep="\n    "
            )


if __name__ == "__main__":
    main()
