"""Visits of states, read out of histories."""

from __future__ import annotations

from typing import Any

import pytest
from histories import RETRY, START, TASK, nested, one, run

from asl_runner.history.events import Event
from asl_runner.history.listing import rows
from asl_runner.history.views import LIVE_VISITS, VisitTracker, timeline, visits
from asl_runner.history.visits import Counts, Visit


def said(visit: Visit) -> tuple[Any, ...]:
    return visit.state, visit.status, visit.error, visit.retries


def test_a_chain() -> None:
    machine = {"StartAt": "A", "States": {"A": {"Type": "Wait", "Seconds": 5, "Next": "B"}, "B": {"Type": "Succeed"}}}
    [first, second] = visits(run(machine, {"n": 1}))
    assert (first.state, first.type, first.scope, first.status) == ("A", "Wait", "", "SUCCEEDED")
    assert (first.entered, first.exited, first.start, first.end) == (2, 3, START, START + 5)
    assert (first.input, first.output, first.attempts, first.children) == (b'{"n":1}', b'{"n":1}', [], {})
    assert second.type == "Succeed"


def test_retries_and_what_failed() -> None:
    [visit] = visits(run(one("Work", **TASK, Retry=RETRY), {"fail": 1}))
    assert said(visit) == ("Work", "SUCCEEDED", None, 1)
    assert visit.resource == "lambda:invoke"
    assert [(attempt.start, attempt.end, attempt.error, attempt.cause) for attempt in visit.attempts] == [
        (START, START, "Boom", "attempt 1"),
        (START + 1, START + 1, None, None),
    ]
    [failed] = visits(run(one("Work", **TASK, Retry=RETRY), {"fail": 2}))
    assert said(failed) == ("Work", "FAILED", "Boom", 1)
    assert failed.cause == "attempt 2"
    assert failed.exited is None


def test_a_catch() -> None:
    machine = one("After", Type="Pass")
    machine["StartAt"] = "Work"
    machine["States"]["Work"] = {
        **TASK,
        "Catch": [{"ErrorEquals": ["Boom"], "Next": "After"}],
        "Next": "After",
    }
    [caught, after] = visits(run(machine, {"fail": 1}))
    assert said(caught) == ("Work", "CAUGHT", "Boom", 0)
    assert caught.output == b'{"Error":"Boom","Cause":"attempt 1"}'
    assert after.status == "SUCCEEDED"


def test_a_fail_state_takes_its_error_from_the_end() -> None:
    [visit] = visits(run({"StartAt": "No", "States": {"No": {"Type": "Fail", "Error": "E", "Cause": "C"}}}, {}))
    assert (visit.status, visit.error, visit.cause) == ("FAILED", "E", "C")


def test_branches_and_iterations_nest() -> None:
    [both, after] = visits(run(nested(), [{}, {"fail": 1}]))
    assert both.counts == Counts(None, started=3, succeeded=3)
    assert [(scope.path, scope.index, scope.status) for scope in both.children.values()] == [
        ("/Both:0.0", 0, "SUCCEEDED"),
        ("/Both:0.1", 1, "SUCCEEDED"),
        ("/Both:0.2", 2, "SUCCEEDED"),
    ]
    [each] = both.children["/Both:0.0"].visits
    assert each.counts == Counts(2, started=2, succeeded=2)
    assert [said(visit) for visit in each.children["/Both:0.0/a/b:0.1"].visits] == [
        ("Prepare", "SUCCEEDED", None, 0),
        ("Work", "SUCCEEDED", None, 1),
    ]
    assert after.state == "After"


def test_a_failure_inside_and_all_it_cuts_off() -> None:
    [both, after] = visits(run(nested(), [{}, {"fail": 9}, {}]))
    assert said(both) == ("Both", "CAUGHT", "Boom", 1)
    assert both.counts == Counts(None, started=3, succeeded=1, failed=1, aborted=1)
    assert [attempt.error for attempt in both.attempts] == ["Boom", "Boom"]
    assert [scope.status for scope in both.children.values()] == ["FAILED", "ABORTED", "SUCCEEDED"] * 2
    [each] = both.children["/Both:1.0"].visits
    assert said(each) == ("a/b", "FAILED", "Boom", 0)
    assert each.counts == Counts(3, started=3, succeeded=2, failed=1)
    assert said(each.children["/Both:1.0/a/b:0.1"].visits[-1]) == ("Work", "FAILED", "Boom", 1)
    [wait] = both.children["/Both:1.1"].visits
    assert said(wait) == ("Rest", "ABORTED", None, 0)
    assert after.status == "SUCCEEDED"


def test_a_history_cut_short_is_still_running() -> None:
    events = run(nested(), [{}, {}])
    for count in range(len(events)):
        tracker = VisitTracker()
        tracker.feed(events[:count])
        assert tracker.status == "RUNNING"
        open_ids = {visit.entered for _, visit in timeline(events[:count]) if visit.status == "RUNNING"}
        ids = {event.id for event in events[:count] if event.type.endswith("StateEntered")}
        exits = [event for event in events[:count] if event.type.endswith("StateExited")]
        assert len(ids) - len(exits) == len(open_ids)


@pytest.mark.parametrize(
    "end, status, visit_status",
    [("ExecutionTimedOut", "TIMED_OUT", "ABORTED"), ("ExecutionAborted", "ABORTED", "ABORTED")],
)
def test_an_end_from_outside(end: str, status: str, visit_status: str) -> None:
    tracker = VisitTracker()
    tracker.feed(
        [
            Event(1, 0, START, "ExecutionStarted", {"input": b"{}"}),
            Event(2, 0, START, "TaskStateEntered", {"name": "T", "input": b"{}"}),
            Event(3, 2, START, "TaskScheduled", {"resourceType": "sagemaker", "resource": "createTrainingJob.sync"}),
            Event(4, 3, START + 1, "TaskSubmitted", {"output": b"{}"}),
            Event(5, 2, START + 9, end),
        ]
    )
    assert (tracker.status, tracker.start, tracker.end) == (status, START, START + 9)
    [visit] = tracker.root.visits
    assert (visit.status, visit.error, visit.end) == (visit_status, None, START + 9)
    assert (visit.resource, visit.submitted) == ("sagemaker:createTrainingJob.sync", b"{}")


def test_a_redrive_takes_the_failed_state_up_again() -> None:
    tracker = VisitTracker()
    tracker.feed(
        [
            Event(1, 0, 1.0, "ExecutionStarted"),
            Event(2, 0, 1.0, "TaskStateEntered", {"name": "T", "input": b"{}"}),
            Event(3, 2, 1.0, "TaskScheduled", {"resourceType": "lambda", "resource": "invoke"}),
            Event(4, 3, 2.0, "TaskFailed", {"error": "E"}),
            Event(5, 4, 2.0, "ExecutionFailed", {"error": "E"}),
        ]
    )
    assert (tracker.status, tracker.root.visits[0].status) == ("FAILED", "FAILED")
    tracker.feed(
        [
            Event(6, 5, 3.0, "ExecutionRedriven", {"redriveCount": 1}),
            Event(7, 4, 3.0, "TaskScheduled", {"resourceType": "lambda", "resource": "invoke"}),
        ]
    )
    assert (tracker.status, tracker.root.visits[0].status, tracker.root.visits[0].retries) == ("RUNNING", "RUNNING", 1)
    tracker.feed(
        [Event(8, 7, 4.0, "TaskSucceeded"), Event(9, 8, 4.0, "TaskStateExited", {"name": "T", "output": b"1"})]
    )
    assert said(tracker.root.visits[0]) == ("T", "SUCCEEDED", None, 1)


def failed_map() -> list[Event]:
    """A Map of three, the second of which failed."""
    each = {"name": "Each", "index": 0}
    return [
        Event(1, 0, 1.0, "ExecutionStarted"),
        Event(2, 0, 1.0, "MapStateEntered", {"name": "Each", "input": b"[]"}),
        Event(3, 2, 1.0, "MapStateStarted", {"length": 3}),
        Event(4, 3, 1.0, "MapIterationStarted", each, "/Each:0.0"),
        Event(5, 4, 1.0, "PassStateEntered", {"name": "P", "input": b"1"}, "/Each:0.0"),
        Event(6, 5, 1.0, "PassStateExited", {"name": "P", "output": b"1"}, "/Each:0.0"),
        Event(7, 6, 1.0, "MapIterationSucceeded", each, "/Each:0.0"),
        Event(8, 6, 1.0, "MapIterationStarted", {**each, "index": 1}, "/Each:0.1"),
        Event(9, 8, 1.0, "TaskStateEntered", {"name": "T", "input": b"2"}, "/Each:0.1"),
        Event(10, 9, 1.0, "TaskScheduled", {"resourceType": "lambda", "resource": "invoke"}, "/Each:0.1"),
        Event(11, 10, 2.0, "TaskFailed", {"error": "E"}, "/Each:0.1"),
        Event(12, 11, 2.0, "MapIterationFailed", {**each, "index": 1}, "/Each:0.1"),
        Event(13, 11, 2.0, "MapStateFailed"),
        Event(14, 11, 2.0, "ExecutionFailed", {"error": "E"}),
    ]


@pytest.mark.parametrize("live", [True, False])
def test_a_redrive_goes_on_with_what_did_not_succeed(live: bool) -> None:
    tracker = VisitTracker(live=live)
    tracker.feed(failed_map())
    [visit] = tracker.root.visits
    assert (visit.status, visit.counts) == ("FAILED", Counts(3, 2, 1, 1))
    tracker.feed([Event(15, 14, 3.0, "ExecutionRedriven", {"redriveCount": 1})])
    assert (visit.status, visit.error, visit.counts) == ("RUNNING", None, Counts(3, 2, 1, 0))
    inner = tracker.scope("/Each:0.1")
    assert (inner.status, [one.status for one in inner.visits]) == ("RUNNING", ["RUNNING"])
    tracker.feed(
        [
            Event(16, 9, 3.0, "TaskStateEntered", {"name": "T", "input": b"new"}, "/Each:0.1"),
            Event(17, 16, 3.0, "TaskScheduled", {"resourceType": "lambda", "resource": "invoke"}, "/Each:0.1"),
            Event(18, 17, 4.0, "TaskSucceeded", None, "/Each:0.1"),
            Event(19, 18, 4.0, "TaskStateExited", {"name": "T", "output": b"2"}, "/Each:0.1"),
            Event(20, 19, 4.0, "MapIterationSucceeded", {"name": "Each", "index": 1}, "/Each:0.1"),
        ]
    )
    assert [(one.status, one.error) for one in inner.visits] == [("FAILED", "E"), ("SUCCEEDED", None)]
    assert (visit.status, visit.counts) == ("RUNNING", Counts(3, 2, 2, 0))


def test_an_iteration_that_begins_once_more_counts_once() -> None:
    tracker = VisitTracker()
    again = [
        Event(15, 14, 3.0, "ExecutionRedriven", {"redriveCount": 1}),
        Event(16, 6, 3.0, "MapIterationStarted", {"name": "Each", "index": 0}, "/Each:0.0"),
    ]
    tracker.feed(failed_map() + again)
    [visit] = tracker.root.visits
    assert visit.counts == Counts(3, 2, 0, 0)
    tracker.feed([Event(17, 16, 3.0, "MapIterationSucceeded", {"name": "Each", "index": 0}, "/Each:0.0")])
    assert visit.counts == Counts(3, 2, 1, 0)


def test_a_live_tracker_says_the_same_and_forgets() -> None:
    events = run(nested(), [{}, {"fail": 9}, {}])
    live, full = VisitTracker(live=True), VisitTracker()
    for event in events:
        live.feed([event])
        full.feed([event])
        current, wanted = live.root.current, full.root.current
        assert (None if current is None else said(current)) == (None if wanted is None else said(wanted))
        if current is not None and wanted is not None:
            assert current.counts == wanted.counts
    [both, _] = live.root.visits
    assert both.input is None
    assert list(both.children) == ["/Both:1.0"]


def test_a_live_tracker_of_a_long_loop_stays_small() -> None:
    tracker = VisitTracker(live=True)
    for n in range(1, 5001):
        entered = Event(2 * n, 2 * n - 1, 1.0, "PassStateEntered", {"name": "P", "input": b"{}"})
        tracker.feed([entered, Event(2 * n + 1, 2 * n, 1.0, "PassStateExited", {"name": "P", "output": b"{}"})])
    assert len(tracker.root.visits) <= 2 * LIVE_VISITS
    assert len(tracker.root.visits) + tracker.root.dropped == 5000


def test_rows_have_times_depth_and_words() -> None:
    events = run(nested(), [{"fail": 1}])
    found = {(row.type, row.state): row for row in rows(events, START)}
    assert found["ExecutionStarted", ""].data == '[{"fail":1}]'
    assert [found["MapStateStarted", "a/b"].data, found["MapIterationStarted", "a/b"].data] == ["1 item", "#0"]
    assert found["TaskScheduled", "Work"].data == 'lambda:invoke {"fail":1}'
    assert found["TaskFailed", "Work"].data == "lambda:invoke Boom: attempt 1"
    assert found["TaskFailed", "Work"].tone == "bad"
    waited = found["WaitStateExited", "Rest"]
    assert (waited.elapsed, waited.duration) == (5.0, 5.0)
    assert found["TaskStateExited", "Work"].duration == 1.0
    assert found["MapIterationSucceeded", "a/b"].duration == 1.0
    assert found["ExecutionSucceeded", ""].duration == 5.0
    assert [found[key].depth for key in (("ParallelStateEntered", "Both"), ("MapStateEntered", "a/b"))] == [0, 2]
    assert [found[key].depth for key in (("TaskStateEntered", "Work"), ("TaskScheduled", "Work"))] == [4, 5]


def test_rows_backwards_leave_out_what_they_cannot_know() -> None:
    events = run(one("Rest", Type="Wait", Seconds=5), {})
    backwards = list(rows(events[::-1], START))
    assert [row.id for row in backwards] == [4, 3, 2, 1]
    assert all(row.duration is None for row in backwards[:2])
