"""Local Lambda functions: which ARN is which code, and the runtimes that run it."""
