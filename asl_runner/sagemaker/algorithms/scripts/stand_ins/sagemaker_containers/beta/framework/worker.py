"""What an `output_fn` may return."""

from asl_runner.sagemaker.algorithms.scripts.functions import Response

__all__ = ["Response"]
