"""What the endpoint does with executions that a killed one left: they go on, and whoever answers them need not know."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from served import ROLE, ServerProcess

LAMBDA = "arn:aws:lambda:us-east-1:123456789012:function:work"
FUNCTION = """
import pathlib, time
HERE = pathlib.Path(__file__).resolve().parent.parent
def handler(event, context):
    with (HERE / "effects").open("a") as effects:
        effects.write(f"{event}\\n")
    while event % 2 and not (HERE / "go").exists():
        time.sleep(0.01)
    return event * 10
"""


def start(states: Any, name: str, definition: dict[str, Any], input: Any = None) -> str:
    machine = states.create_state_machine(name=name, definition=json.dumps(definition), roleArn=ROLE)
    started = states.start_execution(stateMachineArn=machine["stateMachineArn"], input=json.dumps(input))
    arn: str = started["executionArn"]
    return arn


def ended(states: Any, arn: str) -> dict[str, Any]:
    pause = threading.Event()
    while (found := states.describe_execution(executionArn=arn))["status"] == "RUNNING":
        pause.wait(0.01)
    answer: dict[str, Any] = found
    return answer


def types(states: Any, arn: str) -> list[str]:
    return [event["type"] for event in states.get_execution_history(executionArn=arn)["events"]]


def until(condition: Callable[[], bool]) -> None:
    while not condition():
        time.sleep(0.01)


def of_task(resource: str, **fields: Any) -> dict[str, Any]:
    return {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": resource, "End": True, **fields}}}


def test_tokens_that_were_handed_out_stay_valid(serve: Callable[..., ServerProcess]) -> None:
    first = serve()
    states, queues = first.client("stepfunctions"), first.client("sqs")
    activity = states.create_activity(name="approve")["activityArn"]
    taken = start(states, "taken", of_task(activity, HeartbeatSeconds=600, TimeoutSeconds=900))
    given = states.get_activity_task(activityArn=activity)
    waiting = start(states, "waiting", of_task(activity))
    url = queues.create_queue(QueueName="letters")["QueueUrl"]
    asked = {"QueueUrl": url, "MessageBody.$": "$$.Task.Token"}
    callback = start(states, "callback", of_task("arn:aws:states:::sqs:sendMessage.waitForTaskToken", Parameters=asked))
    until(lambda: "TaskSubmitted" in types(states, callback) and "ActivityScheduled" in types(states, waiting))
    letter = queues.receive_message(QueueUrl=url)["Messages"][0]["Body"]
    first.kill()

    states = serve().client("stepfunctions")
    states.send_task_heartbeat(taskToken=given["taskToken"])
    states.send_task_success(taskToken=given["taskToken"], output='"yes"')
    states.send_task_failure(taskToken=letter, error="No", cause="lost")
    other = states.get_activity_task(activityArn=activity)
    states.send_task_success(taskToken=other["taskToken"], output="2")
    assert ended(states, taken)["output"] == '"yes"'
    assert ended(states, waiting)["output"] == "2"
    assert (ended(states, callback)["error"], ended(states, callback)["cause"]) == ("No", "lost")
    # Nothing was asked twice.
    assert types(states, callback).count("TaskScheduled") == 1
    assert types(states, taken).count("ActivityScheduled") == types(states, taken).count("ActivityStarted") == 1


def test_a_deadline_stays_where_it_was(serve: Callable[..., ServerProcess]) -> None:
    first = serve()
    states = first.client("stepfunctions")
    activity = states.create_activity(name="late")["activityArn"]
    arn = start(states, "late", of_task(activity, TimeoutSeconds=3))
    states.get_activity_task(activityArn=activity)
    until(lambda: "ActivityStarted" in types(states, arn))
    first.kill()
    time.sleep(3)
    states = serve().client("stepfunctions")
    answer = ended(states, arn)
    assert (answer["status"], answer["error"]) == ("FAILED", "States.Timeout")
    events = {event["type"]: event["timestamp"] for event in states.get_execution_history(executionArn=arn)["events"]}
    assert events["ActivityTimedOut"] > events["ActivityStarted"]


def test_nested_executions_and_map_runs_go_on_together(serve: Callable[..., ServerProcess], tmp_path: Path) -> None:
    (tmp_path / "lambdas").mkdir()
    (tmp_path / "lambdas" / "work.py").write_text(FUNCTION)
    first = serve()
    states = first.client("stepfunctions")
    work = of_task(LAMBDA)
    processor = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, **work}
    mapped = {"StartAt": "Each", "States": {"Each": {"Type": "Map", "ItemProcessor": processor, "End": True}}}
    child = states.create_state_machine(name="child", definition=json.dumps(mapped), roleArn=ROLE)["stateMachineArn"]
    asked = {"StateMachineArn": child, "Input.$": "$"}
    parent = of_task("arn:aws:states:::states:startExecution.sync:2", Parameters=asked, OutputPath="$.Output")
    arn = start(states, "parent", parent, [1, 2, 3, 4, 6])

    def halfway() -> bool:
        runs = [
            run
            for found in states.list_executions(stateMachineArn=child)["executions"]
            for run in states.list_map_runs(executionArn=found["executionArn"])["mapRuns"]
        ]
        counts = [states.describe_map_run(mapRunArn=run["mapRunArn"])["executionCounts"] for run in runs]
        return bool(counts) and counts[0]["succeeded"] == 3 and counts[0]["running"] == 2

    until(halfway)
    until(lambda: sorted((tmp_path / "effects").read_text().split()) == ["1", "2", "3", "4", "6"])
    first.kill()
    (tmp_path / "go").touch()

    states = serve().client("stepfunctions")
    assert json.loads(ended(states, arn)["output"]) == [10, 20, 30, 40, 60]
    done = (tmp_path / "effects").read_text().split()
    assert sorted(done) == ["1", "1", "2", "3", "3", "4", "6"]
    [nested] = states.list_executions(stateMachineArn=child)["executions"]
    assert nested["status"] == "SUCCEEDED"
    [run] = states.list_map_runs(executionArn=nested["executionArn"])["mapRuns"]
    described = states.describe_map_run(mapRunArn=run["mapRunArn"])
    assert (described["status"], described["itemCounts"]["succeeded"]) == ("SUCCEEDED", 5)
    assert described.get("redriveCount", 0) == 0
    assert types(states, arn).count("TaskScheduled") == 1
    assert "MapRunRedriven" not in types(states, nested["executionArn"])


def test_one_that_cannot_go_on_keeps_nobody_else_from_it(serve: Callable[..., ServerProcess], tmp_path: Path) -> None:
    first = serve()
    states = first.client("stepfunctions")
    activity = states.create_activity(name="both")["activityArn"]
    good = start(states, "good", of_task(activity))
    bad = start(states, "bad", of_task(activity, Comment="spoiled"))
    until(lambda: all("ActivityScheduled" in types(states, arn) for arn in (good, bad)))
    first.kill()
    with sqlite3.connect(tmp_path / ".asl-runner" / "workspace.db") as tables:
        spoiled = "UPDATE definitions SET text = '{}' WHERE text LIKE '%spoiled%'"
        assert tables.execute(spoiled).rowcount == 1
    tables.close()

    again = serve()
    states = again.client("stepfunctions")
    task = states.get_activity_task(activityArn=activity)
    states.send_task_success(taskToken=task["taskToken"], output="1")
    assert ended(states, good)["output"] == "1"
    name = bad.rpartition(":")[2]
    assert f"{name} does not go on: " in again.said
    assert states.describe_execution(executionArn=bad)["status"] == "RUNNING"
    states.stop_execution(executionArn=bad)
    assert states.describe_execution(executionArn=bad)["status"] == "ABORTED"
