"""`asl-runner redrive`: going on with an execution, also with another definition, other code or another input."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from command_line import PASS, WAIT, asl_runner, start, task, wait_for_line, write

from asl_runner.history.former import as_it_was, former_definitions
from asl_runner.history.store import Store

ARN = "arn:aws:lambda:us-east-1:123456789012:function"
FUNCTION = """
from pathlib import Path

def handler(event, context):
    with Path(r"DIRECTORY/calls").open("a") as calls:
        print(context.function_name, event, file=calls)
    if Path(r"DIRECTORY/broken").exists() and event in ("b", {"item": "b"}):
        raise ValueError("no b today")
    return f"{context.function_name} {event}"
"""


def order(**changes: Any) -> dict[str, Any]:
    """Prepares, packs every item, and ends."""
    pack = {"Type": "Task", "Resource": f"{ARN}:pack", "End": True, **changes}
    return {
        "StartAt": "Prepare",
        "States": {
            "Prepare": {"Type": "Task", "Resource": f"{ARN}:prepare", "ResultPath": "$.prepared", "Next": "Each"},
            "Each": {
                "Type": "Map",
                "ItemsPath": "$.items",
                "MaxConcurrency": 1,
                "ItemProcessor": {"StartAt": "Pack", "States": {"Pack": pack}},
                "Next": "Last",
            },
            "Last": {"Type": "Pass", "End": True},
        },
    }


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A directory in which the execution `o-1` has failed at its second item."""
    write(tmp_path, "order.asl.json", order())
    for name in ("prepare", "pack"):
        write(tmp_path, f"lambdas/{name}.py", FUNCTION.replace("DIRECTORY", str(tmp_path)))
    write(tmp_path, "broken", "")
    ran = asl_runner(tmp_path, "run", "order.asl.json", "-q", "-n", "o-1", "-i", '{"items": ["a", "b", "c"]}')
    assert ran.returncode == 1, ran.stderr
    (tmp_path / "calls").unlink()
    return tmp_path


def calls(project: Path) -> list[str]:
    path = project / "calls"
    return [line.split(maxsplit=1)[0] for line in path.read_text().splitlines()] if path.exists() else []


def events(project: Path, name: str = "o-1") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(asl_runner(project, "history", name, "--json").stdout)["events"]
    return found


def stages(project: Path, entered: int) -> list[str]:
    shown = asl_runner(project, "show", "o-1", "--step", str(entered), "--json").stdout
    return [one["stage"] for one in json.loads(shown)["stages"]]


def test_it_goes_on_with_the_code_of_now_and_repeats_nothing(project: Path) -> None:
    (project / "broken").unlink()
    done = asl_runner(project, "redrive", "latest")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == ["pack a", "pack b", "pack c"]
    assert calls(project) == ["pack", "pack"]
    lines = done.stderr.splitlines()
    assert [line.split() for line in lines[:5]] == [
        ["STATE", "REDRIVE", "NOTE"],
        ["Prepare", "kept"],
        ["Each", "goes", "on"],
        ["Each[0]/Pack", "kept"],
        ["Each[1]/Pack", "runs", "again"],
    ]
    assert "order  redriven as o-1" in lines[5]
    assert "Prepare" not in "".join(lines[5:])
    assert "SUCCEEDED after" in lines[-1]
    assert [event["type"] for event in events(project)].count("ExecutionRedriven") == 1
    described = asl_runner(project, "describe", "o-1").stdout
    assert "Redriven       once " in described
    shown = asl_runner(project, "show", "o-1").stdout
    assert "3 of 3" in shown
    assert "✗" not in shown
    twice = asl_runner(project, "redrive", "o-1")
    assert twice.returncode == 2
    assert "invalid for redrive as: Execution is SUCCEEDED and cannot be redriven" in twice.stderr


def test_it_may_fail_again_and_prints_one_object(project: Path) -> None:
    failed = asl_runner(project, "redrive", "o-1", "--json", "-q")
    assert failed.returncode == 1
    document = json.loads(failed.stdout)
    assert (document["name"], document["status"], document["error"]) == ("o-1", "FAILED", "ValueError")
    assert failed.stderr == ""
    described = json.loads(asl_runner(project, "describe", "o-1", "--json").stdout)
    assert (described["redriveCount"], described["redriveStatus"]) == (1, "REDRIVABLE")
    assert "✗ Pack" in asl_runner(project, "show", "o-1").stdout


def test_the_plan_alone_runs_nothing(project: Path) -> None:
    write(project, "new.asl.json", order(Comment="new"))
    planned = asl_runner(project, "redrive", "o-1", "--plan", "--json", "-d", "new.asl.json")
    assert planned.returncode == 0
    document = json.loads(planned.stdout)
    assert document["definitionChanged"] is True
    assert [(step["place"], step["does"], step["changed"]) for step in document["steps"]] == [
        ("Prepare", "KEPT", []),
        ("Each", "GOES ON", ["ItemProcessor"]),
        ("Each[0]/Pack", "KEPT", ["Comment"]),
        ("Each[1]/Pack", "RUNS AGAIN", ["Comment"]),
    ]
    assert "changed: Comment" in asl_runner(project, "redrive", "o-1", "--dry-run", "-d", "new.asl.json").stdout
    assert calls(project) == []
    assert json.loads(asl_runner(project, "describe", "o-1", "--json").stdout)["redriveCount"] == 0


def test_another_definition_is_kept_with_the_one_before(project: Path) -> None:
    (project / "broken").unlink()
    write(project, "new.asl.json", order(Parameters={"item.$": "$"}, ResultPath=None, Comment="new"))
    failing = events(project)[-1]["id"]
    done = asl_runner(project, "redrive", "o-1", "-d", "new.asl.json")
    assert json.loads(done.stdout) == ["pack a", "b", "c"]
    described = asl_runner(project, "describe", "o-1").stdout
    assert "its definition changed" in described
    with Store.open(project / ".asl-runner" / "workspace.db", read_only=True) as store:
        record = store.find("o-1")
        assert json.loads(record.definition)["States"]["Each"]["ItemProcessor"]["States"]["Pack"]["Comment"] == "new"
        [(number, text)] = store.read(lambda tables: former_definitions(tables, record.arn))
        assert (number, json.loads(text)) == (1, order())
        assert as_it_was(store, record, failing).definition == text
        assert as_it_was(store, record, failing + 1) == record
    entries = [event for event in events(project) if event["type"] == "TaskStateEntered"]
    first, last = entries[1]["id"], entries[-1]["id"]
    assert "Parameters" not in stages(project, first)
    assert "Parameters" in stages(project, last)
    again = asl_runner(project, "graph", "--execution", "o-1", "--format", "mermaid")
    assert again.returncode == 0, again.stderr


def test_a_definition_with_no_place_for_it_changes_nothing(project: Path) -> None:
    write(project, "other.asl.json", PASS)
    refused = asl_runner(project, "redrive", "o-1", "-d", "other.asl.json")
    assert refused.returncode == 2
    assert "Each, which had not ended, is not in the definition. Prepare, which came before, is not" in refused.stderr
    write(project, "broken.asl.json", {"StartAt": "A", "States": {}})
    invalid = asl_runner(project, "redrive", "o-1", "-d", "broken.asl.json")
    assert invalid.returncode == 3
    assert events(project)[-1]["type"] == "ExecutionFailed"
    assert "FAILED" in asl_runner(project, "describe", "o-1").stdout


def test_another_input_for_the_failed_state(project: Path) -> None:
    write(project, "item.json", '"x"')
    for text, stdin in (("@item.json", ""), ("-", '"x"')):
        planned = asl_runner(project, "redrive", "o-1", "--input-of", "Pack", text, "--plan", stdin=stdin)
        assert "with the new input" in planned.stdout
    done = asl_runner(project, "redrive", "o-1", "--input-of", "Each[1]/Pack", '"x"', "-q")
    assert json.loads(done.stdout) == ["pack a", "pack x", "pack c"]
    found = events(project)
    redriven = next(event["id"] for event in found if event["type"] == "ExecutionRedriven")
    assert (found[redriven]["type"], found[redriven]["stateEnteredEventDetails"]["input"]) == (
        "TaskStateEntered",
        '"x"',
    )
    shown = asl_runner(project, "show", "o-1").stdout
    assert ["✗" in line for line in shown.splitlines() if "Pack" in line] == [False, True, False, False]


def test_an_input_for_a_state_it_does_not_go_on_in_is_refused(project: Path) -> None:
    refused = asl_runner(project, "redrive", "o-1", "--input-of", "Prepare", "{}")
    assert refused.returncode == 2
    assert "'Prepare' is not where the execution goes on: that is Each, Each[1]/Pack." in refused.stderr
    wrong = asl_runner(project, "redrive", "o-1", "--input-of", "Pack", "{nope")
    assert "The input (--input-of Pack) is not JSON" in wrong.stderr
    huge = asl_runner(project, "redrive", "o-1", "--input-of", "Pack", "-", stdin=json.dumps("x" * 300_000))
    assert "bytes as JSON; an execution takes at most" in huge.stderr
    assert calls(project) == []


def test_standard_input_is_read_once(project: Path) -> None:
    refused = asl_runner(project, "redrive", "o-1", "-d", "-", "--input-of", "Pack", "-", stdin=json.dumps(order()))
    assert refused.returncode == 2
    assert "Standard input can be read once" in refused.stderr
    planned = asl_runner(project, "redrive", "o-1", "-d", "-", "--plan", stdin=json.dumps(order(Comment="x")))
    assert "changed: Comment" in planned.stdout


@pytest.mark.parametrize("option", ["-p", "--machine"])
def test_what_chooses_in_a_template_needs_one(project: Path, option: str) -> None:
    refused = asl_runner(project, "redrive", "o-1", option, "Stage=dev")
    said = "Error: -p and --machine are for the template that --definition names.\n"
    assert (refused.returncode, refused.stderr) == (2, said)
    assert calls(project) == []


def test_a_pipeline_goes_on_with_its_steps(tmp_path: Path) -> None:
    steps: list[dict[str, Any]] = [
        {
            "Name": name,
            "Type": "Lambda",
            "FunctionArn": f"{ARN}:{name.lower()}",
            "Arguments": {},
            "OutputParameters": [],
        }
        for name in ("One", "Two")
    ]
    steps[1]["DependsOn"] = ["One"]
    write(tmp_path, "p.json", {"Version": "2020-12-01", "Metadata": {}, "Parameters": [], "Steps": steps})
    counting = f"    open(r'{tmp_path}/calls', 'a').write('one ')\n"
    write(tmp_path, "lambdas/one.py", f"def handler(event, context):\n{counting}    return {{}}\n")
    write(tmp_path, "lambdas/two.py", "def handler(event, context):\n    raise ValueError('two')\n")
    assert asl_runner(tmp_path, "run", "p.json", "-q").returncode == 1
    write(tmp_path, "lambdas/two.py", "def handler(event, context):\n    return {}\n")
    write(tmp_path, "m.asl.json", PASS)
    refused = asl_runner(tmp_path, "redrive", "latest", "-d", "m.asl.json")
    assert refused.returncode == 2
    done = asl_runner(tmp_path, "redrive", "latest", "-q")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["PipelineExecutionStatus"] == "Succeeded"
    assert {one["StepName"]: one["StepStatus"] for one in document["PipelineExecutionSteps"]} == {
        "One": "Succeeded",
        "Two": "Succeeded",
    }
    assert (tmp_path / "calls").read_text() == "one "


def test_mocks_answer_and_only_what_may_run_must_be_able_to(project: Path) -> None:
    (project / "lambdas" / "prepare.py").unlink()
    write(project, "mocks.json", {"Pack": {"return": "mocked"}})
    done = asl_runner(project, "redrive", "o-1", "-q", "--mock", "mocks.json", "--clock", "virtual")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == ["pack a", "mocked", "mocked"]


def test_what_cannot_run_is_said_before_anything_changes(project: Path) -> None:
    (project / "lambdas" / "pack.py").unlink()
    refused = asl_runner(project, "redrive", "o-1", "-q")
    assert refused.returncode == 2
    assert "pack" in refused.stderr
    assert json.loads(asl_runner(project, "describe", "o-1", "--json").stdout)["redriveCount"] == 0


def test_refusals_have_aws_words(tmp_path: Path) -> None:
    write(tmp_path, "wait.asl.json", WAIT)
    running = start(tmp_path, "run", "wait.asl.json", "--name", "w")
    wait_for_line(running, "started as w")
    refused = asl_runner(tmp_path, "redrive", "w")
    assert "invalid for redrive as: Execution is RUNNING and cannot be redriven" in refused.stderr
    running.kill()
    running.communicate()
    gone = asl_runner(tmp_path, "redrive", "w")
    assert f"But its process {running.pid} is gone" in gone.stderr


def test_a_template_brings_its_functions(project: Path) -> None:
    write(project, "fixed/pack.py", "def handler(event, context):\n    return 'fixed'\n")
    template = {
        "Transform": "AWS::Serverless-2016-10-31",
        "Resources": {
            "Order": {"Type": "AWS::Serverless::StateMachine", "Properties": {"Definition": order()}},
        },
    }
    write(project, "template.json", template)
    (project / "broken").unlink()
    done = asl_runner(project, "redrive", "o-1", "-q", "-d", "template.json", "--machine", "Order")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == ["pack a", "pack b", "pack c"]


def test_children_of_a_distributed_map_go_on_under_the_new_processor(tmp_path: Path) -> None:
    def machine(**fields: Any) -> dict[str, Any]:
        inner = {
            "StartAt": "Keep",
            "States": {
                "Keep": {"Type": "Pass", "Result": "kept", "ResultPath": "$.kept", "Next": "Check"},
                "Check": task("check")["States"]["T"] | fields,
            },
        }
        processor = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, **inner}
        state = {"Type": "Map", "MaxConcurrency": 1, "ItemProcessor": processor, "End": True}
        return {"StartAt": "All", "States": {"All": state}}

    code = "def handler(event, context):\n    if event.get('n') == 1:\n        raise ValueError\n    return event\n"
    write(tmp_path, "lambdas/check.py", code)
    write(tmp_path, "all.asl.json", machine())
    ran = asl_runner(tmp_path, "run", "all.asl.json", "-q", "-n", "d", "-i", '[{"n": 0}, {"n": 1}, {"n": 2}]')
    assert ran.returncode == 1
    write(tmp_path, "new.asl.json", machine(Parameters={"was.$": "$.n", "kept.$": "$.kept"}))
    done = asl_runner(tmp_path, "redrive", "d", "-d", "new.asl.json")
    assert done.returncode == 0, done.stderr
    assert "All    goes on  changed: ItemProcessor" in done.stderr
    outputs = json.loads(done.stdout)
    assert outputs[1] == {"was": 1, "kept": "kept"}
    assert outputs[0] == {"n": 0, "kept": "kept"}


def test_how_it_is_run_now_is_what_whoever_resumes_it_knows(project: Path) -> None:
    write(project, "mocks.json", {"Pack": {"raise": "Mocked"}})
    settings = []
    for options in (["--mock", "mocks.json", "--clock", "virtual"], []):
        assert asl_runner(project, "redrive", "o-1", "-q", *options).returncode == 1
        with Store.open(project / ".asl-runner" / "workspace.db", read_only=True) as store:
            settings.append(json.loads(store.find("o-1").settings or "{}"))
    assert settings == [{"run": {"clock": "virtual", "mock_file": str(project / "mocks.json")}}, {}]


def test_an_execution_of_a_template_has_the_functions_of_the_template(tmp_path: Path) -> None:
    function = {"Runtime": "python3.12", "Handler": "app.handler", "CodeUri": "code/"}
    machine = {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": "${F}", "End": True}}}
    resources = {
        "F": {"Type": "AWS::Serverless::Function", "Properties": function},
        "M": {
            "Type": "AWS::Serverless::StateMachine",
            "Properties": {"Definition": machine, "DefinitionSubstitutions": {"F": {"Fn::GetAtt": ["F", "Arn"]}}},
        },
    }
    template = {"Transform": "AWS::Serverless-2016-10-31", "Resources": resources}
    write(tmp_path, "template.json", template)
    write(tmp_path, "code/app.py", "def handler(event, context):\n    raise ValueError\n")
    assert asl_runner(tmp_path, "run", "template.json", "-q").returncode == 1
    write(tmp_path, "code/app.py", "def handler(event, context):\n    return 'mended'\n")
    done = asl_runner(tmp_path, "redrive", "latest", "-q")
    assert (done.returncode, done.stdout) == (0, '"mended"\n'), done.stderr
