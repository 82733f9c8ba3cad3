"""The pages over HTTP: what they say, as HTML and as data, and whom they refuse."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from importlib.resources import files
from typing import Any
from urllib.parse import urlencode

import pytest
from site_of_tests import HOSTILE, Site, distributed, page_of


class Reader(HTMLParser):
    """The tags of a page, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_every_page_has_its_data_at_the_same_address(site: Site, failed: str, succeeded: str) -> None:
    compare = urlencode({"a": failed, "b": succeeded})
    for path, query, key in (
        ("/_asl/executions", "", "executions"),
        ("/_asl/machines", "", "machines"),
        ("/_asl/machines/orders", "", "machine"),
        (page_of(failed), "", "execution"),
        ("/_asl/compare", f"?{compare}", "rows"),
    ):
        status, html, headers = site.get(path + query)
        assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8"), path
        assert "<h1>" in html
        status, data, headers = site.get(f"{path}.json{query}")
        assert (status, headers["content-type"]) == (200, "application/json"), path
        assert key in json.loads(data)


def test_pages_may_load_only_from_here(site: Site, failed: str) -> None:
    _, html, headers = site.get(page_of(failed))
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for name, value in (("x-content-type-options", "nosniff"), ("referrer-policy", "no-referrer")):
        assert headers[name] == value
    for tag, attributes in Reader(html).tags:
        address = attributes.get("src") or (attributes.get("href") if tag in ("link", "script", "img") else None)
        assert address is None or address.startswith(("/_asl/", "data:image/")), (tag, attributes)
        assert not any(name.startswith("on") or name == "style" for name in attributes), (tag, attributes)


@pytest.mark.parametrize("where", ["/_asl/executions", "/_asl/executions.json", "/_asl/static/app.js"])
def test_pages_of_other_sites_see_nothing(site: Site, where: str) -> None:
    assert site.get(where, Origin="https://evil.example")[0] == 403
    assert site.get(where, **{"Sec-Fetch-Site": "cross-site"})[0] == 403
    # A name of another site that was made to point here.
    assert site.get(where, Host="evil.example", **{"User-Agent": "Mozilla/5.0"})[0] == 403
    assert site.get(where, **{"User-Agent": "Mozilla/5.0"})[0] == 200


def test_the_aws_apis_keep_their_addresses(site: Site) -> None:
    assert site.get("/")[1].startswith("<?xml")
    status, html, _ = site.get("/", Accept="text/html,*/*")
    assert status == 200
    assert "<h1>Executions</h1>" in html
    assert site.get("/_aslx")[0] == 404
    signature = "AWS4-HMAC-SHA256 Credential=local/20261127/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
    assert "<h1>" not in site.get("/_asl/executions", Authorization=signature)[1]


def test_what_is_not_there_is_said(site: Site, failed: str) -> None:
    status, html, _ = site.get("/_asl/executions/arn:aws:states:us-east-1:123456789012:execution:orders:gone")
    assert status == 404
    assert "gone" in html
    status, data, _ = site.get("/_asl/data/step.json?" + urlencode({"execution": failed, "id": 9999}))
    assert (status, json.loads(data)) == (404, {"error": "No state was entered with event 9999."})
    status, data, _ = site.get("/_asl/data/visits.json?" + urlencode({"execution": failed, "sort": "colour"}))
    assert status == 400
    assert "Cannot sort by 'colour'" in data
    assert site.get("/_asl/elsewhere")[0] == 404
    assert site.get("/_asl/machines/nothing")[0] == 404


def test_hostile_text_stays_text(site: Site, evil: str) -> None:
    for path in (page_of(evil), "/_asl/executions", "/_asl/machines/evil"):
        page = Reader(site.get(path)[1])
        assert "img" not in {tag for tag, _ in page.tags}
        assert HOSTILE in page.text or path == "/_asl/machines/evil"
        assert [
            a for tag, a in page.tags if tag == "script" and "src" not in a and a.get("type") != "application/json"
        ] == []


def test_executions_are_filtered_and_paged(site: Site, failed: str, succeeded: str, evil: str) -> None:
    found = site.json("/_asl/executions.json", machine="orders")
    assert [one["name"] for one in found["executions"]] == ["two", "one"]
    assert found["counts"] == {"FAILED": 1, "SUCCEEDED": 1}
    only = site.json("/_asl/executions.json", machine="orders", status="FAILED")
    assert [one["arn"] for one in only["executions"]] == [failed]
    assert [one["arn"] for one in site.json("/_asl/executions.json", text="Order.Ref")["executions"]] == [failed]
    assert site.json("/_asl/executions.json", text="%")["executions"] == []
    assert site.json("/_asl/executions.json", since=time.time() + 60)["executions"] == []
    after = site.json("/_asl/executions.json", machine="orders", after=succeeded)
    assert [one["arn"] for one in after["executions"]] == [failed]


def test_iterations_and_events_come_in_pages(site: Site, long: str) -> None:
    document = site.json(f"{page_of(long)}.json")
    assert document["execution"]["events"] == 1208
    assert len(document["history"]["events"]) == 100
    [_, each] = document["table"]["visits"]
    assert (each["iterations"], each["counts"]["succeeded"]) == (300, 300)
    last = site.part("iterations", long, id=each["id"], offset=290, limit=50)
    assert [one["index"] for one in last["iterations"]] == list(range(290, 300))
    assert (last["total"], last["counts"]) == (300, {"SUCCEEDED": 300})
    inside = site.part("visits", long, scope=last["iterations"][0]["scope"])
    assert [one["state"] for one in inside["visits"]] == ["A"]
    seen: list[int] = []
    first: int | None = 1
    while first is not None:
        page = site.part("events", long, first=first, limit=500)
        seen += [one["id"] for one in page["events"]]
        first = page["next"]
    assert seen == list(range(1, 1209))
    assert [one["state"] for one in site.part("events", long, text="mapstateexited")["events"]] == ["Each"]


def test_visits_are_sorted_and_filtered(site: Site, failed: str) -> None:
    names = [one["state"] for one in site.part("visits", failed)["visits"]]
    assert names == ["Load", "Each", "Refuse"]
    by_name = site.part("visits", failed, sort="state", order="desc")
    assert [one["state"] for one in by_name["visits"]] == ["Refuse", "Load", "Each"]
    assert [one["state"] for one in site.part("visits", failed, status="CAUGHT")["visits"]] == ["Each"]
    assert [one["state"] for one in site.part("visits", failed, text="loa")["visits"]] == ["Load"]


def test_a_step_has_its_data_stage_by_stage_its_tries_and_its_log(site: Site, failed: str) -> None:
    visits = site.part("state", failed, state="Check")["visits"]
    retried = next(one for one in visits if one["retries"])
    step = site.part("step", failed, id=retried["id"])
    assert [one["error"] for one in step["attempts"]] == ["Busy", None]
    stages = {one["stage"]: one["data"] for one in step["stages"]}
    assert stages == {"Input": {"n": 2}, "Result": {"n": 2, "ok": True}, "Output": {"n": 2, "ok": True}}
    assert "checking 2" in step["logs"][0]["text"]
    assert step["definition"]["Type"] == "Task"
    assert step["events"][0]["type"] == "TaskStateEntered"
    [load] = site.part("state", failed, state="Load")["visits"]
    stages = {one["stage"]: one for one in site.part("step", failed, id=load["id"])["stages"]}
    assert stages["ResultPath"]["changes"] == [[["data"], "added"]]
    assert stages["Output"]["data"] == {"items": [1, 2, 3, 4, 5], "data": {"unit": "kg"}}


def test_the_graph_shows_one_iteration_when_it_is_chosen(site: Site, failed: str) -> None:
    everything = site.part("marks", failed)["marks"]
    assert everything["Check"] == {"status": "FAILED", "count": 4, "note": "× 4"}
    assert everything["Each"]["status"] == "CAUGHT"
    one = site.part("marks", failed, chosen="/Each:0.0")["marks"]
    assert (one["Check"]["status"], one["Check"]["count"]) == ("SUCCEEDED", 1)
    svg = site.json(f"{page_of(failed)}.json")["graph"]
    states = {element.get("data-state"): element.get("class") for element in ElementTree.fromstring(svg)}
    assert states["Check"] == "node visited FAILED"
    assert states["Done"] == "node"


def test_two_executions_part_where_their_data_do(site: Site, failed: str, succeeded: str) -> None:
    found = site.json("/_asl/compare.json", a=failed, b=succeeded)
    assert found["part"] == 0
    assert found["rows"][0]["why"] == ["input", "output"]
    assert [3, "removed"] in [[change[0][-1], change[1]] for change in found["partData"][0]["changes"]]
    assert site.json("/_asl/compare.json", a=failed, b=failed)["part"] is None


def test_an_execution_is_followed_live(site: Site, waiting: str) -> None:
    import urllib.request

    address = f"{site.url}/_asl/live?{urlencode({'execution': waiting})}"
    with urllib.request.urlopen(address, timeout=60) as stream:
        first = json.loads(stream.readline().decode().removeprefix("data: "))
        assert first[0] == "RUNNING"
        site.call("StopExecution", executionArn=waiting)
        while True:
            line = stream.readline().decode()
            if line.startswith("data: ") and json.loads(line.removeprefix("data: "))[0] == "ABORTED":
                break


def test_vendored_files_are_those_of_the_manifest() -> None:
    room = files("asl_runner.web").joinpath("vendor")
    manifest: Any = json.loads(room.joinpath("manifest.json").read_text())
    assert {one["file"] for one in manifest["files"]} == {
        one.name for one in room.iterdir() if one.name.endswith(".js")
    }
    for one in manifest["files"]:
        assert hashlib.sha256(room.joinpath(one["file"]).read_bytes()).hexdigest() == one["sha256"]
        assert room.joinpath(one["licenseFile"]).is_file()


def test_serving_without_a_browser_imports_no_templates() -> None:
    code = "import asl_runner.cli.serve, sys; assert not {'jinja2', 'starlette'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_map_run_leads_to_its_children_and_back(site: Site) -> None:
    parent = site.run("distributed", distributed(), {"items": [1, 2, 3]})
    [each] = site.part("state", parent, state="Each")["visits"]
    [link] = site.part("step", parent, id=each["id"])["links"]
    assert link["kind"] == "map run"
    found = site.json("/_asl/executions.json", map_run=link["arn"])
    assert (found["mapRun"]["items"], len(found["executions"])) == (3, 3)
    status, html, _ = site.get("/_asl/executions?" + urlencode({"map_run": link["arn"]}))
    assert status == 200
    assert "3 items in 3 child executions" in " ".join(Reader(html).text.split())
    child = found["executions"][0]["arn"]
    assert site.json(f"{page_of(child)}.json")["execution"]["parent"] == parent
    assert site.get(page_of(child))[0] == 200
    assert [one["arn"] for one in site.json("/_asl/executions.json", machine="distributed")["executions"]] == [parent]
