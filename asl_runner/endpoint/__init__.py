"""The endpoint: AWS's HTTP APIs, answered by a workspace."""
