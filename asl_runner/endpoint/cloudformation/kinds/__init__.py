"""The kinds of resources: what creates, changes and deletes a resource of a type.

The workspace's own (state machines, functions, buckets) call the endpoint's own APIs; all others are moto's models.
"""
