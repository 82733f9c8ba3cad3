"""Local Lambda functions: which ARN is which code, and the runtimes that run it."""

from asl_runner.functions.functions import Functions, Invocation, InvocationType
from asl_runner.functions.payloads import InvokeRefused
from asl_runner.functions.registry import Function, Registry, Runtime, Setting

__all__ = [
    "Function",
    "Functions",
    "Invocation",
    "InvocationType",
    "InvokeRefused",
    "Registry",
    "Runtime",
    "Setting",
]
