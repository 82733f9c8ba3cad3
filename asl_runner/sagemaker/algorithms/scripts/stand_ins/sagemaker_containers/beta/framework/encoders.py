"""Arrays to bodies and back."""

from asl_runner.sagemaker.algorithms.scripts.arrays import decode, encode

__all__ = ["decode", "encode"]
