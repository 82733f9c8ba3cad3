"""What the ARN of a Task calls: a registry of handlers, one module per integration."""
