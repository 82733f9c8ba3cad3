"""CloudFormation on the workspace: a stack's state machines, functions and buckets are the real ones.

moto reads templates (parameters, conditions, intrinsic functions), speaks the protocol and makes the resources of all
other services. What is this room's own: which kinds of resources are the workspace's, in which order a stack's
resources are made, changed and deleted, and what is undone when one fails. Loads moto: import it where it is used.
"""
