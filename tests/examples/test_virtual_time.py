"""Most of a year in a moment: waits, retries, deadlines and missed heartbeats in virtual time, with true timestamps."""

from __future__ import annotations

from asl_runner.testing import Asl, after, never, raises, sequence

APPROVAL = """
StartAt: Ask
States:
  Ask:
    Type: Task
    Resource: arn:aws:states:::sqs:sendMessage.waitForTaskToken
    Parameters: { QueueUrl: approvals, MessageBody: { "token.$": $$.Task.Token } }
    TimeoutSeconds: 604800
    HeartbeatSeconds: 86400
    Catch: [{ ErrorEquals: [States.HeartbeatTimeout], Next: Escalate }]
    Next: Rest
  Escalate: { Type: Pass, Result: escalated, Next: Rest }
  Rest: { Type: Wait, Seconds: 25920000, Next: Pay }
  Pay:
    Type: Task
    Resource: arn:aws:lambda:us-east-1:123456789012:function:pay
    Retry: [{ ErrorEquals: [Busy], IntervalSeconds: 60, BackoffRate: 2, MaxAttempts: 5 }]
    End: true
"""
DAY = 86_400
REST = 300 * DAY


def test_an_answer_after_five_days_of_heartbeats(asl: Asl) -> None:
    answer = after(5 * DAY, {"approved": True}, beat=DAY / 2)
    run = asl.run(APPROVAL, mocks={"Ask": answer, "Pay": "paid"}, now="2024-01-01T00:00:00Z")
    assert run.assert_succeeded("paid").duration == 5 * DAY + REST
    assert run.visit("Pay").input == {"approved": True}


def test_silence_for_a_day_is_escalated(asl: Asl) -> None:
    run = asl.run(APPROVAL, mocks={"Ask": never(), "Pay": "paid"})
    run.assert_path("Ask", "Escalate", "Rest", "Pay")
    assert run.visit("Ask").duration == DAY


def test_each_retry_waits_twice_as_long(asl: Asl) -> None:
    busy = raises("Busy")
    run = asl.run(APPROVAL, mocks={"Ask": {}, "Pay": sequence(busy, busy, busy, "paid")})
    assert run.assert_succeeded().visit("Pay").duration == 60 + 120 + 240
