"""Semantic checks on a parsed document, one module per family."""
