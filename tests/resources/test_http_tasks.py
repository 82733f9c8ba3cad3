"""HTTP Tasks and API calls against a real server of this machine."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, quote, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asl_runner.interpreter.ports import HttpExchange, TaskCall, TaskFailed
from asl_runner.resources.apigateway import ApiGatewayTasks
from asl_runner.resources.aws.clients import AwsClients
from asl_runner.resources.http import HttpTasks
from asl_runner.resources.http_client import Answer
from asl_runner.resources.http_encoding import form, with_query

Make = Callable[..., TaskCall]


class Api(BaseHTTPRequestHandler):
    """Shows what it was sent; the path says what to answer."""

    tokens = 0

    def log_message(self, *_arguments: object) -> None:
        """Nothing."""

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        path = urlsplit(self.path).path
        shown = {"method": self.command, "path": self.path, "headers": dict(self.headers), "body": body}
        status, kind, content = 200, "application/json", json.dumps(shown).encode()
        if path == "/token":
            type(self).tokens += 1
            content = json.dumps({"access_token": f"t{self.tokens}", "token_type": "bearer", "for": body}).encode()
        elif path.startswith("/status/"):
            status, content = int(path.removeprefix("/status/")), b'{"sorry": true}'
        elif path.startswith("/later/"):
            status, content = 429, b""
        elif path == "/image":
            kind, content = "image/png", b"text"
        elif path == "/binary":
            kind, content = "text/plain", b"\xff\xfe"
        elif path == "/large":
            content = b" " * 300_000
        elif path == "/protected" and self.headers["Authorization"] == "Bearer t1":
            status, content = 401, b""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if path.startswith("/later/"):
            self.send_header("Retry-After", unquote(path.removeprefix("/later/")))
        self.send_header("X-Many", "1")
        self.send_header("X-Many", "2")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = do_HEAD = answer


@pytest.fixture(scope="module")
def api() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def tasks(clients: AwsClients) -> HttpTasks:
    return HttpTasks(clients)


@pytest.fixture(scope="module")
def connect(clients: AwsClients) -> Callable[..., str]:
    made: dict[str, str] = {}

    def connection(name: str, kind: str = "API_KEY", **parameters: Any) -> str:
        if name not in made:
            key = (
                {"ApiKeyAuthParameters": {"ApiKeyName": "X-Key", "ApiKeyValue": "secret"}} if kind == "API_KEY" else {}
            )
            made[name] = clients.client("events").create_connection(
                Name=name, AuthorizationType=kind, AuthParameters={**key, **parameters}
            )["ConnectionArn"]
        return made[name]

    return connection


async def failure(tasks: HttpTasks | ApiGatewayTasks, call: TaskCall) -> TaskFailed:
    with pytest.raises(TaskFailed) as failed:
        await tasks(call)
    return failed.value


async def test_a_request_and_its_answer(tasks: HttpTasks, task: Make, api: str, connect: Callable[..., str]) -> None:
    parameters = {
        "ApiEndpoint": f"{api}/path?own=1",
        "Method": "POST",
        "Authentication": {"ConnectionArn": connect("key")},
        "Headers": {"Request-Id": "r", "Accept": ["a", "b"]},
        "QueryParameters": {"q": "a b", "n": [1, 2]},
        "RequestBody": {"Job": "x"},
    }
    exchanges: list[HttpExchange] = []
    result = await tasks(task("http:invoke", parameters, exchanged=exchanges.append))
    assert result["StatusCode"] == 200
    assert result["StatusText"] == "OK"
    assert result["Headers"]["X-Many"] == ["1", "2"]
    sent = result["ResponseBody"]
    assert sent["method"] == "POST"
    assert sent["path"] == "/path?own=1&q=a%20b&n=1&n=2"
    assert json.loads(sent["body"]) == {"Job": "x"}
    expected = {
        "X-Key": "secret",
        "Request-Id": "r",
        "Content-Type": "application/json; charset=UTF-8",
        "Range": "bytes=0-262144",
        "User-Agent": "Amazon|StepFunctions|HttpInvoke|us-east-1",
    }
    assert expected.items() <= sent["headers"].items()
    shown = exchanges[0]
    own = "User-Agent: Amazon|StepFunctions|HttpInvoke|us-east-1, Range: bytes=0-262144]"
    assert shown.request["headers"] == f"[Request-Id: r, Accept: a, Accept: b, {own}"
    assert shown.revealed["headers"] == f"[Request-Id: r, Accept: a, Accept: b, X-Key: secret, {own}"
    assert shown.request["body"] == '{"Job":"x"}'
    assert (shown.response["statusCode"], shown.response["statusMessage"]) == ("200", "OK")
    assert "X-Many: 1, X-Many: 2" in shown.response["headers"]


async def test_what_the_connection_says_wins(
    tasks: HttpTasks, task: Make, api: str, connect: Callable[..., str]
) -> None:
    extra = {
        "HeaderParameters": [{"Key": "Header-Param", "Value": "connection"}],
        "QueryStringParameters": [{"Key": "q", "Value": "connection"}],
        "BodyParameters": [{"Key": "BodyParam", "Value": "connection"}],
    }
    parameters = {
        "ApiEndpoint": api,
        "Method": "PUT",
        "InvocationConfig": {"ConnectionArn": connect("extra", InvocationHttpParameters=extra)},
        "Headers": {"header-param": "task", "other": "task"},
        "QueryParameters": {"q": "task", "p": "task"},
        "RequestBody": {"BodyParam": "task", "Job": "x"},
    }
    sent = (await tasks(task("http:invoke", parameters)))["ResponseBody"]
    assert {"Header-Param": "connection", "other": "task"}.items() <= sent["headers"].items()
    assert "header-param" not in sent["headers"]
    assert parse_qs(urlsplit(sent["path"]).query) == {"q": ["connection"], "p": ["task"]}
    assert json.loads(sent["body"]) == {"BodyParam": "connection", "Job": "x"}
    failed = await failure(tasks, task("http:invoke", {**parameters, "RequestBody": "text"}))
    assert failed.error == "States.Runtime"
    alone = await tasks(task("http:invoke", {k: v for k, v in parameters.items() if k != "RequestBody"}))
    assert json.loads(alone["ResponseBody"]["body"]) == {"BodyParam": "connection"}


async def test_basic_authentication(tasks: HttpTasks, task: Make, api: str, connect: Callable[..., str]) -> None:
    arn = connect("basic", "BASIC", BasicAuthParameters={"Username": "u", "Password": "p"})
    call = task("http:invoke", {"ApiEndpoint": api, "Method": "GET", "Authentication": {"ConnectionArn": arn}})
    sent = (await tasks(call))["ResponseBody"]
    assert sent["headers"]["Authorization"] == f"Basic {base64.b64encode(b'u:p').decode()}"
    assert sent["body"] == ""


async def test_tokens_are_fetched_kept_and_renewed(
    tasks: HttpTasks, task: Make, api: str, connect: Callable[..., str]
) -> None:
    oauth = {
        "ClientParameters": {"ClientID": "i", "ClientSecret": "s"},
        "AuthorizationEndpoint": f"{api}/token",
        "HttpMethod": "POST",
        "OAuthHttpParameters": {"BodyParameters": [{"Key": "audience", "Value": "a"}]},
    }
    arn = connect("oauth", "OAUTH_CLIENT_CREDENTIALS", OAuthParameters=oauth)
    authentication = {"Method": "GET", "Authentication": {"ConnectionArn": arn}}
    call = task("http:invoke", {"ApiEndpoint": f"{api}/any", **authentication})
    for _ in range(2):
        assert (await tasks(call))["ResponseBody"]["headers"]["Authorization"] == "Bearer t1"
    renewed = await tasks(task("http:invoke", {"ApiEndpoint": f"{api}/protected", **authentication}))
    assert renewed["ResponseBody"]["headers"]["Authorization"] == "Bearer t2"


async def test_forms(tasks: HttpTasks, task: Make, api: str, connect: Callable[..., str]) -> None:
    parameters = {
        "ApiEndpoint": api,
        "Method": "POST",
        "Authentication": {"ConnectionArn": connect("key")},
        "Headers": {"content-type": "application/x-www-form-urlencoded"},
        "RequestBody": {"description": "Monthly subscription", "metadata": {"k": 1}, "l": ["a", "b"]},
        "Transform": {"RequestBodyEncoding": "URL_ENCODED", "RequestEncodingOptions": {"ArrayFormat": "BRACKETS"}},
    }
    sent = (await tasks(task("http:invoke", parameters)))["ResponseBody"]
    assert sent["body"] == "description=Monthly%20subscription&metadata%5Bk%5D=1&l%5B%5D=a&l%5B%5D=b"
    failed = await failure(tasks, task("http:invoke", {**parameters, "Headers": {}}))
    assert failed.error == "States.Runtime"


@pytest.mark.parametrize(
    "array_format, written",
    [
        ("INDICES", "a[0]=x&a[1]=y"),
        ("REPEAT", "a=x&a=y"),
        ("COMMAS", "a=x,y"),
        ("BRACKETS", "a[]=x&a[]=y"),
    ],
)
def test_arrays_in_forms(array_format: str, written: str) -> None:
    assert form({"a": ["x", "y"]}, array_format).replace("%5B", "[").replace("%5D", "]") == written


@given(st.dictionaries(st.text(min_size=1), st.text() | st.integers() | st.booleans(), max_size=5))
def test_forms_and_queries_hold_every_value(fields: dict[str, Any]) -> None:
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in fields.items()}
    assert dict(parse_qsl(form(fields), keep_blank_values=True)) == texts
    assert dict(parse_qsl(urlsplit(with_query("https://h/p", fields)).query, keep_blank_values=True)) == texts


@pytest.mark.parametrize(
    "path, error, cause",
    [
        ("/status/404", "States.Http.StatusCode.404", '{"sorry": true}'),
        ("/status/302", "States.Http.StatusCode.302", '{"sorry": true}'),
        ("/image", "States.Runtime", "The response body of type 'image/png' is not text."),
        ("/binary", "States.Runtime", "The response body of type 'text/plain' is not text."),
        ("/large", "States.DataLimitExceeded", "The state/task 'http' returned a result with a size exceeding"),
    ],
)
async def test_answers_that_fail_the_task(
    tasks: HttpTasks, task: Make, api: str, connect: Callable[..., str], path: str, error: str, cause: str
) -> None:
    authentication = {"ConnectionArn": connect("key")}
    parameters = {"ApiEndpoint": f"{api}{path}", "Method": "GET", "Authentication": authentication}
    failed = await failure(tasks, task("http:invoke", parameters))
    assert failed.error == error
    assert (failed.cause or "").startswith(cause)


@pytest.mark.parametrize(
    "retry_after, seconds",
    [("120", 120), ("0", 0), ("soon", 0), ("-5", 0), ("Wed, 21 Oct 2015 07:28:00 GMT", 0)],
)
async def test_an_api_says_when_to_come_back(
    tasks: HttpTasks, task: Make, api: str, connect: Callable[..., str], retry_after: str, seconds: float
) -> None:
    place = f"{api}/later/{quote(retry_after)}"
    invocation = {"ConnectionArn": connect("plain")}
    call = task("http:invoke", {"ApiEndpoint": place, "Method": "GET", "InvocationConfig": invocation})
    failed = await failure(tasks, call)
    assert failed.error == "States.Http.StatusCode.429"
    assert failed.retry_after == seconds


def test_a_date_to_come_back_counts_from_the_answers_own() -> None:
    headers = [("Date", "Wed, 21 Oct 2015 07:28:00 GMT"), ("Retry-After", "Wed, 21 Oct 2015 07:29:30 GMT")]
    assert Answer(503, "Service Unavailable", headers, b"").retry_after == 90


async def test_no_answer_and_no_connection(tasks: HttpTasks, task: Make, connect: Callable[..., str]) -> None:
    parameters = {"ApiEndpoint": "http://127.0.0.1:9/", "Method": "GET"}
    known = {"Authentication": {"ConnectionArn": connect("key")}}
    assert (await failure(tasks, task("http:invoke", parameters | known))).error == "States.Http.Socket"
    unknown = {"Authentication": {"ConnectionArn": "arn:aws:events:us-east-1:123456789012:connection/none/1"}}
    failed = await failure(tasks, task("http:invoke", parameters | unknown))
    assert failed.error == "Events.ConnectionResource.ResourceNotFound"


@pytest.mark.parametrize(
    "changed, problem",
    [
        ({"Headers": {"Authorization": "x"}}, "The 'Headers' field contains unsupported values: [authorization]"),
        ({"Headers": {"X-Amzn-Y": "x"}}, "The 'Headers' field contains unsupported values: [x-amzn-y]"),
        ({"Method": "TRACE"}, "The value of the field 'Method' has an invalid format"),
        ({"ApiEndpoint": "http://api.example/"}, "The value of the field 'ApiEndpoint' has an invalid format"),
        ({"Body": 1}, 'The field "Body" is not supported by Step Functions'),
        ({"Authentication": {}}, "The field 'ConnectionArn' is required but was missing"),
        ({"Transform": {"RequestEncodingOptions": {"ArrayFormat": "X"}}}, "The value of the field 'ArrayFormat' has"),
    ],
)
async def test_parameters_that_are_refused(tasks: HttpTasks, task: Make, changed: Any, problem: str) -> None:
    parameters = {"ApiEndpoint": "https://h/", "Method": "GET", "Authentication": {"ConnectionArn": "arn"}, **changed}
    failed = await failure(tasks, task("http:invoke", parameters))
    assert failed.error == "States.Runtime"
    assert f"could not be used to start the Task: [{problem}" in (failed.cause or "")


async def test_an_api_of_this_machine(clients: AwsClients, task: Make, api: str) -> None:
    parameters = {
        "ApiEndpoint": api.removeprefix("http://"),
        "Method": "POST",
        "Stage": "prod",
        "Path": "/orders/a b",
        "Headers": {"x-own": ["1", "2"]},
        "QueryParameters": {"q": ["a", "b"]},
        "RequestBody": {"a": 1, "none": None},
    }
    result = await ApiGatewayTasks(clients)(task("apigateway:invoke", parameters))
    sent = result["ResponseBody"]
    assert sent["path"] == "/prod/orders/a%20b?q=a&q=b"
    assert json.loads(sent["body"]) == {"a": 1}
    assert (result["StatusCode"], result["StatusText"]) == (200, "OK")


async def test_apis_that_refuse_or_are_not_here(clients: AwsClients, task: Make, api: str) -> None:
    tasks = ApiGatewayTasks(clients)
    here = {"ApiEndpoint": api, "Method": "GET"}
    failed = await failure(tasks, task("apigateway:invoke", {**here, "Path": "status/503"}))
    assert (failed.error, failed.cause) == ("ApiGateway.503", '{"sorry": true}')
    elsewhere = {"ApiEndpoint": "abc.execute-api.us-east-1.amazonaws.com", "Method": "GET"}
    failed = await failure(tasks, task("apigateway:invoke", elsewhere))
    assert "is not on this machine" in (failed.cause or "")
    failed = await failure(tasks, task("apigateway:invoke", {**here, "Headers": {"x": "plain"}}))
    assert (failed.cause or "").endswith("[The value of the field 'Headers' has an invalid format]")
