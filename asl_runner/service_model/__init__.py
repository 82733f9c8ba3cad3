"""AWS's APIs as botocore models them: shapes, validation in AWS's words, and refusals. Knows no service."""
