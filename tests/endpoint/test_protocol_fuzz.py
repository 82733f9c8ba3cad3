"""Whatever is asked, no answer is outside the model's shapes and errors, none is a defect, and none fails to come."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from model_check import Pool, Raw, check_json, requests
from served import ROLE, ClientFactory, ServerProcess

from asl_runner.endpoint.lambda_ import OPERATIONS as LAMBDA
from asl_runner.endpoint.pipelines import OPERATIONS as PIPELINES
from asl_runner.endpoint.sagemaker import OPERATIONS as SAGEMAKER
from asl_runner.endpoint.stepfunctions import OPERATIONS as STATES
from asl_runner.service_model.shapes import service_model

PASS = json.dumps({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}})
FAIL = json.dumps({"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "E"}}})
STATE = json.dumps({"Type": "Pass", "Result": 1, "End": True})
FEW = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


@pytest.fixture(scope="module")
def raw(server_process: ServerProcess) -> Iterator[Raw]:
    connection = Raw(server_process.url)
    yield connection
    connection.close()


@pytest.fixture(scope="module")
def pool(client: ClientFactory) -> Pool:
    """ARNs and texts that lead deeper than the first check."""
    states = client("stepfunctions")
    created = states.create_state_machine(name="fuzzed", definition=PASS, roleArn=ROLE, publish=True)
    express = states.create_state_machine(name="fuzzed-express", definition=PASS, roleArn=ROLE, type="EXPRESS")
    execution = states.start_execution(stateMachineArn=created["stateMachineArn"])["executionArn"]
    arns = [
        created["stateMachineArn"],
        created["stateMachineVersionArn"],
        express["stateMachineArn"],
        execution,
        execution.replace(":execution:", ":mapRun:"),
        "arn:aws:states:us-east-1:123456789012:activity:none",
        "arn:aws:states:us-east-1:123456789012:stateMachine:none",
        "arn:aws:states:us-east-1:123456789012:stateMachine:fuzzed:alias",
        "arn:aws:states:us-east-1:999999999999:stateMachine:fuzzed",
        "arn:aws:lambda:us-east-1:123456789012:function:none",
        "arn:aws:iam::123456789012:role/test",
    ]
    return Pool(
        {
            "roleArn": [ROLE],
            "Arn": arns,
            "resource": arns,
            "definition": [PASS, FAIL, STATE, "{", "[]", '{"StartAt": 1}'],
            "input": ["{}", "[1]", "{", "null", '"text"'],
            "output": ["{}", "{", "null"],
            "name": ["fuzzed", "fuzzed-2", "a b", "x" * 81],
            "stateName": ["P", "Q"],
            "token": ["AAAA", "abc"],
            "revisionId": ["INITIAL", "x"],
        }
    )


@pytest.mark.parametrize("operation", sorted(STATES))
def test_step_functions(raw: Raw, pool: Pool, operation: str) -> None:
    check("stepfunctions", operation, raw, pool)


@pytest.mark.parametrize("operation", sorted({*SAGEMAKER, *PIPELINES}))
def test_sagemaker(raw: Raw, operation: str) -> None:
    arn = "arn:aws:sagemaker:us-east-1:123456789012:training-job/none"
    names = ["none", "a-b", "a_b"]
    pipeline = "arn:aws:sagemaker:us-east-1:123456789012:pipeline/none"
    arns = [arn, arn + "s", ROLE, pipeline, f"{pipeline}/execution/abcdefghijkl"]
    known: dict[str, list[Any]] = {
        "Arn": arns,
        "Name": names,
        "S3Uri": ["s3://none/k"],
        "Definition": [
            '{"Steps": []}',
            '{"Steps": [{"Name": "a", "Type": "Fail", "Arguments": {"ErrorMessage": "b"}}]}',
        ],
    }
    check("sagemaker", operation, raw, Pool(known))


def check(service: str, operation: str, raw: Raw, pool: Pool) -> None:
    shape = service_model(service).operation_model(operation).input_shape

    @FEW
    @given(requests(shape, pool))
    def run(request: Any) -> None:
        status, answer = raw.json(service, operation, request)
        check_json(service, operation, status, answer)

    run()


@pytest.mark.parametrize("operation", sorted(LAMBDA))
def test_lambda(raw: Raw, operation: str) -> None:
    model = service_model("lambda")
    operation_model = model.operation_model(operation)
    http = operation_model.http
    allowed = {shape.name for shape in model.error_shapes} | {"ValidationException", "SerializationException"}
    segment = st.sampled_from(
        ["none", "arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Anone", "%00", "a%20b"]
    )
    queries = st.sampled_from(
        ["", "MaxItems=x", "MaxItems=-1", "Qualifier=", "Marker=%FF", "FunctionVersion=NONE", "&=&"]
    )

    @FEW
    @given(segment, queries, requests(operation_model.input_shape, Pool({"Name": ["none"]})) | st.text(max_size=9))
    def run(name: str, query: str, request: Any) -> None:
        path = http["requestUri"].split("?")[0]
        for place in ("FunctionName", "Name", "Resource", "StatementId"):
            path = path.replace(f"{{{place}}}", name)
        body = request.encode(errors="surrogatepass") if isinstance(request, str) else json.dumps(request).encode()
        headers = {"Authorization": "AWS4-HMAC-SHA256 Credential=a/20261123/us-east-1/lambda/aws4_request, x"}
        status, answered, content = raw.send(http["method"], f"{path}?{query}", body, headers)
        assert answered["x-amzn-requestid"]
        assert status < 500, (path, content)
        if status >= 300:
            assert answered["x-amzn-errortype"] in allowed, (path, content)
            assert json.loads(content)["Type"] == "User"

    run()


@settings(FEW, max_examples=200)
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"]),
    target=st.none() | st.sampled_from(["AWSStepFunctions", "AWSStepFunctions.", "SageMaker.X", ".", "a.b", "\xff"]),
    kind=st.none() | st.sampled_from(["application/x-amz-json-1.0", "text/xml", "application/cbor", "a;b=\xe9"]),
    service=st.none() | st.sampled_from(["states", "lambda", "sagemaker", "s3", "sqs", "nonsense"]),
    path=st.sampled_from(
        ["/", "//", "/%", "/%ff", "/2015-03-31/functions", "/2015-03-31/functions/%2F/x", "/a/b?x", "/?"]
    ),
    body=st.binary(max_size=20),
)
def test_any_request_is_answered(
    raw: Raw, method: str, target: str | None, kind: str | None, service: str | None, path: str, body: bytes
) -> None:
    headers = {"X-Amz-Target": target, "Content-Type": kind}
    if service is not None:
        headers["Authorization"] = f"AWS4-HMAC-SHA256 Credential=a/20261123/us-east-1/{service}/aws4_request, b"
    given_headers = {name: value for name, value in headers.items() if value is not None}
    status, answered, content = raw.send(method, path, body, given_headers)
    assert status < 500 or status == 501, (status, content)
    assert "html" not in answered.get("content-type", ""), content
