"""The role of a task's `Credentials`, assumed with the user's own credentials; for calls that go to AWS.

Source: developer guide, "Accessing resources in other AWS accounts"; the failure is recorded.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from asl_runner.interpreter.errors import TASK_FAILED
from asl_runner.interpreter.ports import TaskFailed
from asl_runner.resources.aws import models

SESSION_NAME = "asl-runner"


def assuming(role_arn: str, region: str) -> Any:
    """A botocore session that acts as a role, which is assumed when first needed and again before that runs out."""
    from botocore.credentials import (
        AssumeRoleCredentialFetcher,
        CredentialProvider,
        CredentialResolver,
        DeferredRefreshableCredentials,
    )
    from botocore.session import Session

    own = models.session()
    fetcher = AssumeRoleCredentialFetcher(
        client_creator=partial(own.create_client, region_name=region),
        source_credentials=own.get_credentials(),
        role_arn=role_arn,
        extra_args={"RoleSessionName": SESSION_NAME},
    )
    credentials = DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")

    class Assumed(CredentialProvider):
        METHOD = "assume-role"

        def load(self) -> Any:
            return credentials

    session = Session()
    session.register_component("data_loader", own.get_component("data_loader"))
    session.register_component("credential_provider", CredentialResolver([Assumed()]))
    return session


def check(session: Any, role_arn: str, execution_role: str) -> None:
    """Assumes the role of a session if need be; blocks. Raises `TaskFailed` where that is not allowed."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        session.get_credentials().get_frozen_credentials()
    except (BotoCoreError, ClientError) as error:
        cause = f"The role {execution_role} is not authorized to assume the task state's role, {role_arn}."
        raise TaskFailed(TASK_FAILED, cause) from error
