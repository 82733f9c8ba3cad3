"""asl_runner: Amazon States Language workflows, run anywhere as AWS Step Functions runs them."""

__version__ = "0.1.0"
