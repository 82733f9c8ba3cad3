"""Containers in Docker: which image runs, what it may use, how its log comes out, and that it is gone afterwards.

The package `docker` is imported by `engine`, when a container is first wanted.
"""
