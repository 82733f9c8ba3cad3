"""A state machine as a picture: one layered layout that the pages, the terminal and every export draw.

drawing = draw(json.loads(machine.source), PIXELS)
svg(drawing, marks)
"""

from __future__ import annotations

from asl_runner.graph.drawing import PIXELS, Box, Drawing, Edge, Mark, Node, draw
from asl_runner.graph.languages import dot, mermaid
from asl_runner.graph.svg_picture import svg
from asl_runner.graph.text_picture import text

__all__ = ["PIXELS", "Box", "Drawing", "Edge", "Mark", "Node", "dot", "draw", "mermaid", "svg", "text"]
