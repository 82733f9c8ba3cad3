"""EventBridge connections: how an HTTP Task authenticates, and what the connection adds to each of its requests.

The connection is described by EventBridge, its secrets are in the secret it names.
Source: developer guide, "Call HTTPS APIs", "Merging EventBridge connection and HTTP Task definition data"; EventBridge
user guide, "Authorization methods for connections".
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from asl_runner.expressions.environment import Json
from asl_runner.interpreter.ports import TaskFailed
from asl_runner.resources.aws.clients import AwsClients
from asl_runner.resources.http_client import Request, Unreachable, send
from asl_runner.resources.http_encoding import form, with_query

_PREFIX = "Events.ConnectionResource"
_TOKEN_BYTES = 1 << 20


class Connection(Struct, frozen=True):
    """A connection, ready for use: what it adds to requests; `oauth` names the one whose token may be renewed."""

    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: Mapping[str, str]
    oauth: str = ""


class Connections:
    """Finds connections; tokens of OAuth connections are kept until the API refuses one. May be used from threads."""

    def __init__(self, clients: AwsClients) -> None:
        self._clients = clients
        self._tokens: dict[str, str] = {}
        self._lock = threading.Lock()

    def find(self, arn: str) -> Connection:
        """The connection of an ARN; blocks. Raises `TaskFailed` (`Events.ConnectionResource.…`)."""
        described, secret = self._described(arn)
        kind = described["AuthorizationType"]
        extra = _member(secret, "invocation_http_parameters") or {}
        headers, query, body = (
            _named(extra.get(part)) for part in ("header_parameters", "query_string_parameters", "body_parameters")
        )
        oauth = ""
        if kind == "API_KEY":
            headers[str(_member(secret, "api_key_name"))] = str(_member(secret, "api_key_value"))
        elif kind == "BASIC":
            pair = f"{_member(secret, 'username')}:{_member(secret, 'password')}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            oauth = described["SecretArn"]
            headers["Authorization"] = self._token(oauth, secret)
        return Connection(headers, query, body, oauth)

    def forget(self, connection: Connection) -> None:
        """The API refused the connection's token: the next `find` gets a new one."""
        with self._lock:
            self._tokens.pop(connection.oauth, None)

    def _described(self, arn: str) -> tuple[dict[str, Any], dict[str, Any]]:
        from botocore.exceptions import BotoCoreError, ClientError

        parts = arn.split(":connection/")
        name = parts[1].split("/")[0] if len(parts) == 2 else arn
        try:
            described = self._clients.client("events").describe_connection(Name=name)
            if described["ConnectionState"] != "AUTHORIZED":
                text = f"The connection {arn} is in the state {described['ConnectionState']}; it must be AUTHORIZED."
                raise TaskFailed(f"{_PREFIX}.InvalidConnectionState", text)
            secret = self._clients.client("secretsmanager").get_secret_value(SecretId=described["SecretArn"])
        except ClientError as error:
            code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
            kinds = {"ResourceNotFoundException": "ResourceNotFound", "AccessDeniedException": "AccessDenied"}
            raise TaskFailed(f"{_PREFIX}.{kinds.get(code, 'InternalError')}", message) from error
        except BotoCoreError as error:
            raise TaskFailed(f"{_PREFIX}.InternalError", str(error)) from error
        return described, json.loads(secret["SecretString"])

    def _token(self, key: str, secret: Mapping[str, Any]) -> str:
        with self._lock:
            known = self._tokens.get(key)
        if known is None:
            known = _new_token(secret)
            with self._lock:
                self._tokens[key] = known
        return known


def _new_token(secret: Mapping[str, Any]) -> str:
    """The `Authorization` header an authorization server gives for client credentials. Raises `TaskFailed`."""
    extra = _member(secret, "oauth_http_parameters") or _member(secret, "o_auth_http_parameters") or {}
    method = str(_member(secret, "http_method") or "POST")
    fields = {
        "grant_type": "client_credentials",
        "client_id": str(_member(secret, "client_id")),
        "client_secret": str(_member(secret, "client_secret")),
        **_named(extra.get("body_parameters")),
    }
    url = with_query(str(_member(secret, "authorization_endpoint")), _named(extra.get("query_string_parameters")))
    headers = {"Content-Type": "application/x-www-form-urlencoded", **_named(extra.get("header_parameters"))}
    if method == "GET":
        request = Request(method, with_query(url, fields), list(headers.items()))
    else:
        request = Request(method, url, list(headers.items()), form(fields).encode())
    try:
        answer = send(request, read=_TOKEN_BYTES)
        token = json.loads(answer.body)
        return f"{_capital(token.get('token_type') or 'Bearer')} {token['access_token']}"
    except (Unreachable, ValueError, KeyError, AttributeError) as error:
        text = f"The authorization endpoint {url} of the connection gave no access token ({type(error).__name__})."
        raise TaskFailed(f"{_PREFIX}.InvalidConnectionState", text) from error


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _member(secret: Mapping[str, Any], name: str) -> Any:
    """A member of a secret, at the top or one level down: both forms are in use."""
    return next((level[name] for level in _levels(secret) if name in level), None)


def _levels(secret: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield secret
    yield from (value for value in secret.values() if isinstance(value, Mapping))


def _named(parameters: Json) -> dict[str, str]:
    """`[{"key": …, "value": …}]` as a mapping."""
    return {str(item["key"]): str(item["value"]) for item in parameters or ()}
