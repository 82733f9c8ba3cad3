"""How a job fails; how a request is refused is in `asl_runner.service_model.errors`."""

from __future__ import annotations


class JobFailed(Exception):
    """A job ends as `Failed`; `str()` is its FailureReason, class and text (reference 3.7), cut to 1024 characters.

    `kind` is the class, such as `AlgorithmError`; "" for none.
    """

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(f"{kind}: {text}"[:1024] if kind else text[:1024])
