"""The pipelines of a workspace: their definitions, their executions, and the results their steps may share."""
