"""State machines, versions, aliases and tags over HTTP, as boto3 sees them."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

ROLE = "arn:aws:iam::123456789012:role/test"
PREFIX = "arn:aws:states:us-east-1:123456789012:stateMachine"


def definition(comment: str = "", **state: Any) -> str:
    return json.dumps({"Comment": comment, "StartAt": "A", "States": {"A": state or {"Type": "Succeed"}}})


WAITS = definition("waits", Type="Wait", Seconds=600, End=True)


@pytest.fixture
def states(client: Callable[[str], Any]) -> Any:
    return client("stepfunctions")


@pytest.fixture
def name() -> str:
    return f"m-{uuid.uuid4().hex[:12]}"


def created(states: Any, name: str, **more: Any) -> dict[str, Any]:
    request = {"name": name, "definition": definition(), "roleArn": ROLE, **more}
    answer: dict[str, Any] = states.create_state_machine(**request)
    return answer


def refusal(call: Callable[..., Any], **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


class TestCreate:
    def test_describes_what_was_created(self, states: Any, name: str) -> None:
        arn = created(states, name)["stateMachineArn"]
        found = states.describe_state_machine(stateMachineArn=arn)
        assert arn == f"{PREFIX}:{name}"
        assert (found["name"], found["type"], found["status"]) == (name, "STANDARD", "ACTIVE")
        assert (found["definition"], found["roleArn"]) == (definition(), ROLE)
        assert found["loggingConfiguration"] == {"level": "OFF", "includeExecutionData": False}
        assert found["tracingConfiguration"] == {"enabled": False}
        assert "revisionId" not in found
        assert "description" not in found

    def test_the_same_request_gets_the_same_answer(self, states: Any, name: str) -> None:
        first = created(states, name, publish=True)
        again = created(states, name, publish=True, roleArn=ROLE + "2", tags=[{"key": "k", "value": "v"}])
        assert (again["creationDate"], again["stateMachineVersionArn"]) == (
            first["creationDate"],
            first["stateMachineVersionArn"],
        )
        assert states.describe_state_machine(stateMachineArn=first["stateMachineArn"])["roleArn"] == ROLE

    @pytest.mark.parametrize(
        "other",
        [
            {"definition": definition("another")},
            {"type": "EXPRESS"},
            {"publish": True},
            {"tracingConfiguration": {"enabled": True}},
        ],
    )
    def test_another_request_of_the_same_name_is_refused(self, states: Any, name: str, other: Any) -> None:
        created(states, name)
        request = {"name": name, "definition": definition(), "roleArn": ROLE, **other}
        assert refusal(states.create_state_machine, **request) == (
            "StateMachineAlreadyExists",
            f"State Machine Already Exists: '{PREFIX}:{name}'",
        )

    @pytest.mark.parametrize("bad", ["a b", "a/b", "a:b", "tab\t", "a*"])
    def test_refuses_names(self, states: Any, bad: str) -> None:
        request = {"name": bad, "definition": definition(), "roleArn": ROLE}
        assert refusal(states.create_state_machine, **request) == ("InvalidName", f"Invalid Name: '{bad}'")

    def test_refuses_what_is_no_role(self, states: Any, name: str) -> None:
        request = {"name": name, "definition": definition(), "roleArn": "nobody"}
        assert refusal(states.create_state_machine, **request) == ("InvalidArn", "Invalid Role Arn: 'nobody'")

    def test_reports_all_errors_of_a_definition(self, states: Any, name: str) -> None:
        request = {"name": name, "definition": definition(Type="Pass", Next="B", Wrong=1), "roleArn": ROLE}
        code, message = refusal(states.create_state_machine, **request)
        assert code == "InvalidDefinition"
        assert message == (
            "Invalid State Machine Definition: 'MISSING_TRANSITION_TARGET: Missing 'Next' target: B at /States/A/Next, "
            "SCHEMA_VALIDATION_FAILED: Field 'Wrong' is not supported at /States/A, "
            "MISSING_END_STATE: Workflow has no terminal state'"
        )

    def test_reads_no_yaml(self, states: Any, name: str) -> None:
        request = {"name": name, "definition": "StartAt: A", "roleArn": ROLE}
        code, message = refusal(states.create_state_machine, **request)
        assert code == "InvalidDefinition"
        assert "INVALID_JSON_DESCRIPTION: Unrecognized token 'StartAt'" in message

    @pytest.mark.parametrize(
        ("state", "text"),
        [
            (
                {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "End": True},
                "Express state machine does not support '.waitForTaskToken' service integration ",
            ),
            (
                {"Type": "Task", "Resource": "arn:aws:states:::states:startExecution.sync", "End": True},
                "Express state machine does not support '.sync' service integration ",
            ),
        ],
    )
    def test_express_cannot_wait(self, states: Any, name: str, state: Any, text: str) -> None:
        state = {**state, "Parameters": {}}
        request = {"name": name, "definition": definition(**state), "roleArn": ROLE, "type": "EXPRESS"}
        code, message = refusal(states.create_state_machine, **request)
        assert (code, text in message) == ("InvalidDefinition", True)
        assert message.endswith(" at /States/A/Resource'")

    @pytest.mark.parametrize(
        ("inner", "text", "place"),
        [
            (
                {"Resource": "arn:aws:states:::glue:startJobRun.sync"},
                "Express state machine does not support '.sync' service integration ",
                "Resource",
            ),
            (
                {"Resource": "arn:aws:states:us-east-1:123456789012:activity:a"},
                "Express state machine does not support Activity ARN",
                "Resource",
            ),
            (
                {
                    "Type": "Map",
                    "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}},
                },
                "Express state machine does not support 'DISTRIBUTED' Map",
                "ItemProcessor/ProcessorConfig",
            ),
        ],
    )
    @pytest.mark.parametrize("children", ["STANDARD", "EXPRESS"])
    def test_express_children_cannot_wait_either(
        self, states: Any, name: str, inner: Any, text: str, place: str, children: str
    ) -> None:
        state = {"Type": "Task", **inner, "End": True}
        if state["Type"] == "Map":
            state["ItemProcessor"] |= {"StartAt": "C", "States": {"C": {"Type": "Pass", "End": True}}}
        config = {"Mode": "DISTRIBUTED", "ExecutionType": children}
        processor = {"ProcessorConfig": config, "StartAt": "B", "States": {"B": state}}
        request = {
            "name": name,
            "definition": definition(Type="Map", ItemProcessor=processor, End=True),
            "roleArn": ROLE,
        }
        if children == "STANDARD":
            states.create_state_machine(**request)
            return
        code, message = refusal(states.create_state_machine, **request)
        assert (code, text in message) == ("InvalidDefinition", True)
        assert message.endswith(f" at /States/A/ItemProcessor/States/B/{place}'")

    @pytest.mark.parametrize(
        ("settings", "code"),
        [
            ({"loggingConfiguration": {"level": "ALL"}}, "InvalidLoggingConfiguration"),
            (
                {
                    "loggingConfiguration": {
                        "level": "ALL",
                        "destinations": [
                            {
                                "cloudWatchLogsLogGroup": {
                                    "logGroupArn": "arn:aws:logs:us-east-1:123456789012:log-group:/no/such:*"
                                }
                            }
                        ],
                    }
                },
                "InvalidLoggingConfiguration",
            ),
            ({"encryptionConfiguration": {"type": "CUSTOMER_MANAGED_KMS_KEY"}}, "InvalidEncryptionConfiguration"),
            (
                {"encryptionConfiguration": {"type": "AWS_OWNED_KEY", "kmsKeyId": "k"}},
                "InvalidEncryptionConfiguration",
            ),
            ({"versionDescription": "v"}, "ValidationException"),
            ({"tags": [{"key": f"k{n}", "value": ""} for n in range(51)]}, "TooManyTags"),
        ],
    )
    def test_refuses_settings(self, states: Any, name: str, settings: Any, code: str) -> None:
        request = {"name": name, "definition": definition(), "roleArn": ROLE, **settings}
        assert refusal(states.create_state_machine, **request)[0] == code
        assert refusal(states.describe_state_machine, stateMachineArn=f"{PREFIX}:{name}")[0] == (
            "StateMachineDoesNotExist"
        )


class TestUpdate:
    def test_a_new_definition_or_role_is_a_new_revision(self, states: Any, name: str) -> None:
        arn = created(states, name)["stateMachineArn"]
        same = states.update_state_machine(stateMachineArn=arn, definition=definition())
        assert "revisionId" not in same
        first = states.update_state_machine(stateMachineArn=arn, definition=definition("b"))
        second = states.update_state_machine(stateMachineArn=arn, roleArn=ROLE + "2")
        again = states.update_state_machine(stateMachineArn=arn, tracingConfiguration={"enabled": True})
        assert first["revisionId"] != second["revisionId"] == again["revisionId"]
        found = states.describe_state_machine(stateMachineArn=arn)
        assert found["revisionId"] == second["revisionId"]
        assert (found["definition"], found["roleArn"]) == (definition("b"), ROLE + "2")
        assert found["tracingConfiguration"] == {"enabled": True}

    def test_refuses_to_change_nothing(self, states: Any, name: str) -> None:
        arn = created(states, name)["stateMachineArn"]
        code, message = refusal(states.update_state_machine, stateMachineArn=arn)
        assert (code, message) == (
            "MissingRequiredParameter",
            "Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be "
            "specified",
        )

    def test_checks_the_definition_for_the_type(self, states: Any, name: str) -> None:
        arn = created(states, name, type="EXPRESS")["stateMachineArn"]
        waits = definition(
            Type="Task", Resource="arn:aws:states:::sqs:sendMessage.waitForTaskToken", Parameters={}, End=True
        )
        assert refusal(states.update_state_machine, stateMachineArn=arn, definition=waits)[0] == "InvalidDefinition"

    def test_there_is_nothing_to_update(self, states: Any, name: str) -> None:
        arn = f"{PREFIX}:{name}"
        assert refusal(states.update_state_machine, stateMachineArn=arn, roleArn=ROLE) == (
            "StateMachineDoesNotExist",
            f"State Machine Does Not Exist: '{arn}'",
        )


class TestDelete:
    def test_at_once_where_nothing_runs(self, states: Any, name: str) -> None:
        arn = created(states, name, publish=True)["stateMachineArn"]
        states.delete_state_machine(stateMachineArn=arn)
        states.delete_state_machine(stateMachineArn=arn)
        assert refusal(states.describe_state_machine, stateMachineArn=arn)[0] == "StateMachineDoesNotExist"
        assert states.list_state_machine_versions(stateMachineArn=arn)["stateMachineVersions"] == []
        assert created(states, name, publish=True)["stateMachineVersionArn"] == f"{arn}:1"

    def test_when_the_last_execution_has_ended(self, states: Any, name: str) -> None:
        arn = created(states, name, definition=WAITS)["stateMachineArn"]
        execution = states.start_execution(stateMachineArn=arn)["executionArn"]
        states.delete_state_machine(stateMachineArn=arn)
        assert states.describe_state_machine(stateMachineArn=arn)["status"] == "DELETING"
        deleting = ("StateMachineDeleting", f"State machine is being deleted: '{arn}'")
        assert refusal(states.start_execution, stateMachineArn=arn) == deleting
        assert refusal(states.create_state_machine, name=name, definition=WAITS, roleArn=ROLE) == deleting
        states.stop_execution(executionArn=execution)
        assert refusal(states.describe_state_machine, stateMachineArn=arn)[0] == "StateMachineDoesNotExist"
        assert arn not in [each["stateMachineArn"] for each in states.list_state_machines()["stateMachines"]]
        assert created(states, name)["stateMachineArn"] == arn


def test_lists_by_pages_in_the_order_of_creation(states: Any, name: str) -> None:
    arns = [created(states, f"{name}-{n}")["stateMachineArn"] for n in range(5)]
    pages = states.get_paginator("list_state_machines").paginate(PaginationConfig={"PageSize": 2})
    found = [each["stateMachineArn"] for page in pages for each in page["stateMachines"]]
    assert [arn for arn in found if arn in arns] == arns
    assert len(set(found)) == len(found)
    token = states.list_state_machines(maxResults=1)["nextToken"]
    bad = ("InvalidToken", "Invalid Token: 'Invalid token'")
    assert refusal(states.list_state_machines, nextToken="nonsense") == bad
    assert refusal(states.list_state_machine_versions, stateMachineArn=arns[0], nextToken=token) == bad


@pytest.mark.parametrize(
    ("arn", "message"),
    [
        ("nonsense", "Invalid Arn: 'Invalid ARN prefix: nonsense'"),
        (
            "arn:aws:states:us-east-1:123456789012:execution:m:e",
            "Invalid Arn: 'Resource type not valid in this context: execution'",
        ),
    ],
)
def test_refuses_other_arns(states: Any, arn: str, message: str) -> None:
    for call in (states.describe_state_machine, states.delete_state_machine, states.list_state_machine_versions):
        assert refusal(call, stateMachineArn=arn) == ("InvalidArn", message)


def test_describes_the_items_of_a_distributed_map(states: Any, name: str) -> None:
    inner = {"StartAt": "B", "States": {"B": {"Type": "Succeed"}}}
    processor = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, **inner}
    text = definition(Type="Map", Label="each", ItemProcessor=processor, End=True)
    arn = created(states, name, definition=text)["stateMachineArn"]
    found = states.describe_state_machine(stateMachineArn=f"{arn}/each")
    assert (found["label"], json.loads(found["definition"])) == ("each", inner)
    assert refusal(states.describe_state_machine, stateMachineArn=f"{arn}/other")[0] == "StateMachineDoesNotExist"


def test_shows_which_variables_states_read(states: Any, name: str) -> None:
    text = json.dumps(
        {
            "StartAt": "A",
            "States": {
                "A": {"Type": "Pass", "Assign": {"x": 1, "y.$": "$$.Execution.Id"}, "Next": "B"},
                "B": {"Type": "Pass", "Parameters": {"v.$": "States.Format('$z {}', $x)"}, "Next": "C"},
                "C": {
                    "Type": "Pass",
                    "QueryLanguage": "JSONata",
                    "Output": "{% ($q := $y; $sum($map([$x], function($i) { $i + $q })) & $states.input) %}",
                    "End": True,
                },
            },
        }
    )
    arn = created(states, name, definition=text)["stateMachineArn"]
    found = states.describe_state_machine(stateMachineArn=arn)
    assert found["variableReferences"] == {"B": ["x"], "C": ["x", "y"]}
    brief = states.describe_state_machine(stateMachineArn=arn, includedData="METADATA_ONLY")
    assert (brief["definition"], "variableReferences" in brief) == ("{}", False)


class TestVersions:
    def test_a_version_stays_as_it_was_published(self, states: Any, name: str) -> None:
        first = created(states, name, publish=True, versionDescription="one")
        arn = first["stateMachineArn"]
        second = states.update_state_machine(stateMachineArn=arn, definition=definition("two"), publish=True)
        found = states.describe_state_machine(stateMachineArn=f"{arn}:1")
        assert (found["stateMachineArn"], found["name"]) == (f"{arn}:1", name)
        assert (found["definition"], found["description"]) == (definition(), "one")
        assert second["stateMachineVersionArn"] == f"{arn}:2"
        assert states.describe_state_machine(stateMachineArn=f"{arn}:2")["revisionId"] == second["revisionId"]
        listed = states.list_state_machine_versions(stateMachineArn=arn)["stateMachineVersions"]
        assert [each["stateMachineVersionArn"] for each in listed] == [f"{arn}:2", f"{arn}:1"]

    def test_a_revision_is_published_once(self, states: Any, name: str) -> None:
        arn = created(states, name)["stateMachineArn"]
        one = states.publish_state_machine_version(stateMachineArn=arn, revisionId="INITIAL")
        assert (
            states.publish_state_machine_version(stateMachineArn=arn)["stateMachineVersionArn"]
            == (one["stateMachineVersionArn"])
        )
        code, _ = refusal(states.publish_state_machine_version, stateMachineArn=arn, revisionId="other")
        assert code == "ConflictException"

    def test_numbers_are_never_used_again(self, states: Any, name: str) -> None:
        arn = created(states, name, publish=True)["stateMachineArn"]
        for _ in range(2):
            states.delete_state_machine_version(stateMachineVersionArn=f"{arn}:1")
        assert states.publish_state_machine_version(stateMachineArn=arn)["stateMachineVersionArn"] == f"{arn}:2"
        assert refusal(states.describe_state_machine, stateMachineArn=f"{arn}:1")[0] == "StateMachineDoesNotExist"

    def test_pages(self, states: Any, name: str) -> None:
        arn = created(states, name, publish=True)["stateMachineArn"]
        for n in range(4):
            states.update_state_machine(stateMachineArn=arn, definition=definition(str(n)), publish=True)
        found: list[str] = []
        token: dict[str, str] = {}
        while True:
            page = states.list_state_machine_versions(stateMachineArn=arn, maxResults=2, **token)
            found += [each["stateMachineVersionArn"].rpartition(":")[2] for each in page["stateMachineVersions"]]
            if "nextToken" not in page:
                break
            token = {"nextToken": page["nextToken"]}
        assert found == ["5", "4", "3", "2", "1"]


class TestAliases:
    @pytest.fixture
    def versions(self, states: Any, name: str) -> list[str]:
        arn = created(states, name, publish=True)["stateMachineArn"]
        states.update_state_machine(stateMachineArn=arn, definition=definition("two"), publish=True)
        return [f"{arn}:1", f"{arn}:2"]

    def test_executions_go_to_versions_by_weight(self, states: Any, versions: list[str]) -> None:
        routing = [{"stateMachineVersionArn": arn, "weight": 50} for arn in versions]
        alias = states.create_state_machine_alias(name="prod", routingConfiguration=routing)["stateMachineAliasArn"]
        assert alias == versions[0][:-1] + "prod"
        met = set()
        for _ in range(40):
            execution = states.start_execution(stateMachineArn=alias)["executionArn"]
            found = states.describe_execution(executionArn=execution)
            assert found["stateMachineAliasArn"] == alias
            met.add(found["stateMachineVersionArn"])
        assert met == set(versions)
        states.update_state_machine_alias(
            stateMachineAliasArn=alias, routingConfiguration=[{"stateMachineVersionArn": versions[1], "weight": 100}]
        )
        described = states.describe_state_machine(stateMachineArn=alias)
        assert described["definition"] == definition("two")

    def test_create_is_idempotent_and_refuses_another(self, states: Any, versions: list[str]) -> None:
        routing = [{"stateMachineVersionArn": versions[0], "weight": 100}]
        request = {"name": "a", "description": "d", "routingConfiguration": routing}
        assert (
            states.create_state_machine_alias(**request)["creationDate"]
            == (states.create_state_machine_alias(**request)["creationDate"])
        )
        code, message = refusal(states.create_state_machine_alias, **{**request, "description": "other"})
        assert (code, "different routing configuration already exists" in message) == ("ConflictException", True)

    def test_refuses_routings(self, states: Any, versions: list[str]) -> None:
        def refused(*routes: tuple[str, int]) -> tuple[str, str]:
            routing = [{"stateMachineVersionArn": arn, "weight": weight} for arn, weight in routes]
            return refusal(states.create_state_machine_alias, name="a", routingConfiguration=routing)

        one, two = versions
        machine = one[:-2]
        assert refused((one, 70), (two, 29)) == (
            "ValidationException",
            "Sum of routing configuration weights must equal 100. Received: [70, 29]",
        )
        assert refused((machine, 100))[1] == (
            f"Routing configuration must contain state machine version ARNs. Received: [{machine}]"
        )
        assert refused((one, 50), (one, 50))[1] == (
            f"Routing configuration must contain distinct state machine version ARNs. Received: [{one}, {one}]"
        )
        assert refused((f"{machine}:9", 100))[0] == "ResourceNotFound"

    def test_a_version_in_use_cannot_be_deleted(self, states: Any, versions: list[str]) -> None:
        routing = [{"stateMachineVersionArn": versions[0], "weight": 100}]
        alias = states.create_state_machine_alias(name="a", routingConfiguration=routing)["stateMachineAliasArn"]
        code, message = refusal(states.delete_state_machine_version, stateMachineVersionArn=versions[0])
        assert (code, message.endswith("this version: [a]")) == ("ConflictException", True)
        listed = states.list_state_machine_aliases(stateMachineArn=versions[0])["stateMachineAliases"]
        assert [each["stateMachineAliasArn"] for each in listed] == [alias]
        assert states.list_state_machine_aliases(stateMachineArn=versions[1])["stateMachineAliases"] == []
        states.delete_state_machine_alias(stateMachineAliasArn=alias)
        states.delete_state_machine_version(stateMachineVersionArn=versions[0])
        assert refusal(states.describe_state_machine_alias, stateMachineAliasArn=alias) == (
            "ResourceNotFound",
            "Request references a resource that does not exist.",
        )

    def test_pages(self, states: Any, versions: list[str]) -> None:
        routing = [{"stateMachineVersionArn": versions[0], "weight": 100}]
        for n in range(3):
            states.create_state_machine_alias(name=f"a{n}", routingConfiguration=routing)
        first = states.list_state_machine_aliases(stateMachineArn=versions[0][:-2], maxResults=2)
        rest = states.list_state_machine_aliases(
            stateMachineArn=versions[0][:-2], maxResults=2, nextToken=first["nextToken"]
        )
        found = [*first["stateMachineAliases"], *rest["stateMachineAliases"]]
        assert [each["stateMachineAliasArn"].rpartition(":")[2] for each in found] == ["a0", "a1", "a2"]


class TestTags:
    def test_tags_come_and_go(self, states: Any, name: str) -> None:
        arn = created(states, name, tags=[{"key": "a", "value": "1"}])["stateMachineArn"]
        states.tag_resource(resourceArn=arn, tags=[{"key": "b", "value": "2"}, {"key": "a", "value": "3"}])
        states.untag_resource(resourceArn=arn, tagKeys=["b", "no such"])
        assert states.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "a", "value": "3"}]
        many = [{"key": f"k{n}", "value": ""} for n in range(50)]
        assert refusal(states.tag_resource, resourceArn=arn, tags=many)[0] == "TooManyTags"

    def test_what_is_not_there_has_none(self, states: Any, name: str) -> None:
        arn = f"{PREFIX}:{name}"
        assert refusal(states.list_tags_for_resource, resourceArn=arn)[0] == "ResourceNotFound"
        assert refusal(states.tag_resource, resourceArn="nonsense", tags=[])[0] == "InvalidArn"


class TestValidation:
    def test_shows_warnings_when_asked(self, states: Any) -> None:
        text = definition(Type="Pass", Parameters={"a": "$.x"}, End=True)
        assert states.validate_state_machine_definition(definition=text)["diagnostics"] == []
        answer = states.validate_state_machine_definition(definition=text, severity="WARNING")
        assert (answer["result"], answer["diagnostics"][0]["code"]) == ("OK", "NO_DOLLAR")
        assert answer["diagnostics"][0]["severity"] == "WARNING"

    def test_cuts_the_list(self, states: Any) -> None:
        text = definition(Type="Pass", Next="B", Wrong=1, Other=2)
        whole = states.validate_state_machine_definition(definition=text)
        assert (whole["result"], whole["truncated"]) == ("FAIL", False)
        cut = states.validate_state_machine_definition(definition=text, maxResults=1)
        assert (cut["diagnostics"], cut["truncated"]) == (whole["diagnostics"][:1], True)

    def test_some_problems_have_no_place(self, states: Any) -> None:
        text = definition(Type="Pass", Next="A")
        assert states.validate_state_machine_definition(definition=text)["diagnostics"] == [
            {"severity": "ERROR", "code": "MISSING_END_STATE", "message": "Workflow has no terminal state"}
        ]

    def test_placeholders_are_texts(self, states: Any) -> None:
        text = definition(Type="Pass", Next="${Next}")
        found = states.validate_state_machine_definition(definition=text)["diagnostics"]
        assert found[0]["message"] == "Missing 'Next' target: ${Next}"


def test_everything_acknowledged_is_there_after_a_kill(serve: Callable[..., Any], name: str) -> None:
    first = serve()
    states = first.client("stepfunctions")
    made = created(states, name, publish=True, versionDescription="one", tags=[{"key": "k", "value": "v"}])
    arn, version = made["stateMachineArn"], made["stateMachineVersionArn"]
    routing = [{"stateMachineVersionArn": version, "weight": 100}]
    alias = states.create_state_machine_alias(name="a", routingConfiguration=routing)["stateMachineAliasArn"]
    states.update_state_machine(stateMachineArn=arn, definition=WAITS)
    before = states.describe_state_machine(stateMachineArn=arn)
    first.kill()

    states = serve().client("stepfunctions")
    after = states.describe_state_machine(stateMachineArn=arn)
    assert {**before, "ResponseMetadata": {}} == {**after, "ResponseMetadata": {}}
    assert states.describe_state_machine(stateMachineArn=version)["description"] == "one"
    assert states.describe_state_machine_alias(stateMachineAliasArn=alias)["routingConfiguration"] == routing
    assert states.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "k", "value": "v"}]
    execution = states.start_execution(stateMachineArn=alias)["executionArn"]
    deadline = time.monotonic() + 30
    while (found := states.describe_execution(executionArn=execution))["status"] == "RUNNING":
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert (found["status"], found["stateMachineVersionArn"]) == ("SUCCEEDED", version)


def test_pages_go_on_behind_what_was_deleted(states: Any, name: str) -> None:
    arns = [created(states, f"{name}-{n}", definition=WAITS)["stateMachineArn"] for n in range(4)]
    executions = [states.start_execution(stateMachineArn=arn)["executionArn"] for arn in arns[1:3]]
    for arn in arns[1:3]:
        states.delete_state_machine(stateMachineArn=arn)
    for execution in executions:
        states.stop_execution(executionArn=execution)
    pages = states.get_paginator("list_state_machines").paginate(PaginationConfig={"PageSize": 1})
    found = [each["stateMachineArn"] for page in pages for each in page["stateMachines"]]
    assert [arn for arn in found if arn in arns] == [arns[0], arns[3]]
