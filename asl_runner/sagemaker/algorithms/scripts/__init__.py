"""Script mode: a user's own training and inference code, run as the toolkits inside SageMaker's images run it."""
