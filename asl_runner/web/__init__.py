"""The pages of a workspace: executions, machines, and everything of one execution; served, or in one file."""
