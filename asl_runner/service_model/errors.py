"""What an AWS API answers when it refuses a request, shaped like botocore's `ClientError`.

Code that handles boto3's errors by `error.response["Error"]["Code"]` handles these as well; botocore itself need not be
installed for them.
"""

from __future__ import annotations

import uuid
from typing import Any


class ServiceError(Exception):
    """A refused API request.

    `response` has botocore's form: `Error` with `Code` and `Message`, `ResponseMetadata` with `RequestId` and
    `HTTPStatusCode`; further members of the error's shape stand beside them.
    """

    def __init__(self, code: str, message: str, operation: str = "", *, status: int = 400) -> None:
        super().__init__(f"An error occurred ({code}) when calling the {operation} operation: {message}")
        self.operation_name = operation
        self.response: dict[str, Any] = {
            "Error": {"Code": code, "Message": message},
            "ResponseMetadata": {"RequestId": str(uuid.uuid4()), "HTTPStatusCode": status, "HTTPHeaders": {}},
        }

    @property
    def code(self) -> str:
        """The API's error code, such as `ResourceInUse`."""
        return str(self.response["Error"]["Code"])

    @property
    def message(self) -> str:
        """The API's message alone."""
        return str(self.response["Error"]["Message"])


def validation_error(message: str, operation: str = "") -> ServiceError:
    """A `ValidationException`: the request has the right form but cannot be accepted."""
    return ServiceError("ValidationException", message, operation)
