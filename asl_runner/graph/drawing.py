"""A machine's drawing: every state, box and arrow with its place, in the unit of the metrics, from the upper left.

A Parallel or Map is a box around the drawings of its branches, so the layout is one of small graphs inside each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

from msgspec import Struct

from asl_runner.definition.scopes import PROCESSORS, RawScope, list_of, scopes
from asl_runner.graph.columns import columns
from asl_runner.graph.edges import END, START, Arrow, Kind, arrows
from asl_runner.graph.layers import Key, layered

Point: TypeAlias = tuple[float, float]


class Mark(Struct, frozen=True):
    """What became of a state in an execution. `count` is how often it was visited; `note` is shown with its name."""

    status: str
    count: int = 1
    note: str = ""


class Metrics(Struct, frozen=True, kw_only=True):
    """The sizes a drawing is made of."""

    size: Callable[[str, str], tuple[float, float]]
    """Width and height of a state by its name and type."""
    point: tuple[float, float]
    """Width and height of the marks a scope begins and ends with."""
    gap: float
    rank_gap: float
    """Between ranks, for the arrows."""
    pass_width: float
    padding: float
    title: float
    """Height of a box's heading."""
    port: float
    """How far apart arrows leave a state."""


class Node(Struct, frozen=True):
    """A state, or the point a scope begins or ends with (its `name` is START or END)."""

    name: str
    type: str
    x: float
    y: float
    width: float
    height: float
    boxes: tuple[Box, ...] = ()


class Edge(Struct, frozen=True):
    """An arrow by the points it goes through, from its source to its target."""

    source: str
    target: str
    kind: Kind
    label: str
    points: tuple[Point, ...]


class Box(Struct, frozen=True):
    """The drawing of one scope."""

    x: float
    y: float
    width: float
    height: float
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


class Drawing(Struct, frozen=True):
    """A whole machine."""

    width: float
    height: float
    box: Box

    def nodes(self) -> Iterator[Node]:
        """All nodes, each before those inside it."""
        yield from _nodes(self.box)

    def edges(self) -> Iterator[Edge]:
        """All arrows."""
        yield from self.box.edges
        for node in self.nodes():
            for box in node.boxes:
                yield from box.edges


def _nodes(box: Box) -> Iterator[Node]:
    for node in box.nodes:
        yield node
        for inner in node.boxes:
            yield from _nodes(inner)


def _pixels(name: str, type: str) -> tuple[float, float]:
    """Room for the name in the font of the drawings, with a shape for the type at its left."""
    letters = sum(1 + (ord(char) > 0x2E80) for char in name[:LONGEST_NAME])
    if type in ("Map", "Parallel"):
        return 180.0 + 7.8 * letters, 44.0
    return max(112.0, 70.0 + 7.8 * letters), 44.0


LONGEST_NAME = 36
"""Characters of a state's name that are drawn; its tooltip has all 80."""

PIXELS = Metrics(size=_pixels, point=(18, 18), gap=28, rank_gap=46, pass_width=10, padding=18, title=34, port=22)


def draw(document: Any, metrics: Metrics) -> Drawing:
    """The drawing of a definition: a document that was found valid, or at least has `States`."""
    box = _scope(next(iter(scopes(document))), metrics, outer=True)
    return Drawing(box.width, box.height, box)


def _scope(scope: RawScope, metrics: Metrics, *, outer: bool = False) -> Box:
    """Only the machine itself has points where it begins and ends: a box says as much."""
    found = arrows(scope)
    names = _in_order(scope, found)
    if outer:
        names = [START, *names, *([END] if any(arrow.target == END for arrow in found) else [])]
    else:
        found = [arrow for arrow in found if arrow.source != START and arrow.target != END]
    inner = {name: _boxes(scope, name, metrics) for name in scope.states}
    sizes: dict[Key, tuple[float, float]] = {START: metrics.point, END: metrics.point}
    for name, state in scope.states.items():
        sizes[name] = _size(name, str(state.get("Type")), inner[name], metrics)
    straight = [arrow for arrow in found if arrow.source != arrow.target]
    layers = layered(names, [(arrow.source, arrow.target) for arrow in straight])
    heights = [max((sizes[node][1] for node in rank if node in sizes), default=0.0) for rank in layers.ranks]
    widths = {node: sizes[node][0] if node in sizes else metrics.pass_width for rank in layers.ranks for node in rank}
    centres = columns(layers, widths, metrics.gap)
    tops: list[float] = []
    top = 0.0
    for height in heights:
        tops.append(top)
        top += height + metrics.rank_gap
    spans = {node: (tops[level], heights[level]) for level, rank in enumerate(layers.ranks) for node in rank}

    nodes = {}
    for name in names:
        width, height = sizes[name]
        y, room = spans[name]
        place = (round(centres[name] - width / 2, 1), round(y + (room - height) / 2, 1))
        type = "" if name in (START, END) else str(scope.states[name].get("Type"))
        nodes[name] = Node(name, type, *place, width, height, _moved_into(inner.get(name, ()), place, width, metrics))
    edges = [
        _edge(arrow, chain, turned, nodes, centres, spans)
        for arrow, chain, turned in zip(straight, layers.chains, layers.turned, strict=True)
    ]
    edges = _with_ports(edges, nodes, metrics)
    edges += [_loop(arrow, nodes[arrow.source], metrics) for arrow in found if arrow.source == arrow.target]
    width = max([centres[node] + widths[node] / 2 for node in centres], default=0.0)
    width = max([width, *(x for edge in edges for x, _ in edge.points)])
    return Box(0, 0, round(width, 1), round(max(0.0, top - metrics.rank_gap), 1), tuple(nodes.values()), tuple(edges))


def _in_order(scope: RawScope, found: Sequence[Arrow]) -> list[str]:
    """The states, those first that are reached first."""
    leaving: dict[str, list[str]] = {}
    for arrow in found:
        leaving.setdefault(arrow.source, []).append(arrow.target)
    order = [name for name in leaving.get(START, ()) if name in scope.states]
    for name in order:
        order += [target for target in leaving.get(name, ()) if target in scope.states and target not in order]
    return [*order, *(name for name in scope.states if name not in order)]


def _boxes(scope: RawScope, name: str, metrics: Metrics) -> tuple[Box, ...]:
    state = scope.states[name]
    inside = [state[processor] for processor in PROCESSORS if processor in state][:1] or list_of(state, "Branches")
    found = [next(iter(scopes(document)), None) for document in inside]
    return tuple(_scope(one, metrics) for one in found if one is not None)


def _size(name: str, type: str, boxes: Sequence[Box], metrics: Metrics) -> tuple[float, float]:
    width, height = metrics.size(name, type)
    if not boxes:
        return width, height
    inside = sum(box.width + 2 * metrics.padding for box in boxes)
    tallest = max(box.height for box in boxes)
    return max(width, inside), metrics.title + tallest + 2 * metrics.padding


def _moved_into(boxes: Sequence[Box], place: Point, width: float, metrics: Metrics) -> tuple[Box, ...]:
    """The boxes side by side under the heading of a node at `place`."""
    inside = sum(box.width + 2 * metrics.padding for box in boxes)
    left = place[0] + (width - inside) / 2
    moved = []
    for box in boxes:
        moved.append(_moved(box, round(left + metrics.padding, 1), place[1] + metrics.title + metrics.padding))
        left += box.width + 2 * metrics.padding
    return tuple(moved)


def _moved(box: Box, x: float, y: float) -> Box:
    def point(at: Point) -> Point:
        return at[0] + x, at[1] + y

    nodes = tuple(
        Node(one.name, one.type, one.x + x, one.y + y, one.width, one.height, tuple(_moved(b, x, y) for b in one.boxes))
        for one in box.nodes
    )
    edges = tuple(Edge(one.source, one.target, one.kind, one.label, tuple(map(point, one.points))) for one in box.edges)
    return Box(box.x + x, box.y + y, box.width, box.height, nodes, edges)


def _edge(
    arrow: Arrow,
    chain: Sequence[Key],
    turned: bool,
    nodes: dict[str, Node],
    centres: dict[Key, float],
    spans: dict[Key, tuple[float, float]],
) -> Edge:
    """Straight through every rank it passes; `_with_ports` says where it leaves."""
    upper, lower = (nodes[arrow.target], nodes[arrow.source]) if turned else (nodes[arrow.source], nodes[arrow.target])
    points: list[Point] = [(centres[upper.name], upper.y + upper.height)]
    top, height = spans[upper.name]
    if top + height > points[0][1]:
        points.append((centres[upper.name], top + height))
    for key in chain[1:-1]:
        top, height = spans[key]
        points += [(centres[key], top), (centres[key], top + height)]
    top, _ = spans[lower.name]
    if top < lower.y:
        points.append((centres[lower.name], top))
    points.append((centres[lower.name], lower.y))
    return Edge(arrow.source, arrow.target, arrow.kind, arrow.label, tuple(points[::-1] if turned else points))


def _with_ports(edges: Sequence[Edge], nodes: dict[str, Node], metrics: Metrics) -> list[Edge]:
    """Arrows that share a side of a node meet it side by side, ordered by where they come from or go.

    Those that come from above end in one point, unless a loop leaves there.
    """
    sides: dict[tuple[str, float], dict[int, list[tuple[float, int, int]]]] = {}
    for number, edge in enumerate(edges):
        up = edge.points[-1][1] < edge.points[0][1]
        for name, end in ((edge.source, 0), (edge.target, -1)):
            if name in (START, END):
                continue
            points = edge.points if end == 0 else edge.points[::-1]
            away = next((x for x, _ in points if x != points[0][0]), points[0][0] + (1 if up else 0))
            shared = end == -1 and not up
            slots = sides.setdefault((name, points[0][1]), {})
            slots.setdefault(-1 if shared else number, []).append((away, number, end))
    moved = [list(edge.points) for edge in edges]
    for (name, _), slots in sides.items():
        ordered = sorted(slots.values(), key=lambda ends: sum(away for away, _, _ in ends) / len(ends))
        step = min(metrics.port, nodes[name].width * 0.7 / max(1, len(ordered) - 1))
        for index, ends in enumerate(ordered):
            for _, number, end in ends:
                _shift(moved[number], end, (index - (len(ordered) - 1) / 2) * step)
    return [
        Edge(edge.source, edge.target, edge.kind, edge.label, tuple((round(x, 1), y) for x, y in points))
        for edge, points in zip(edges, moved, strict=True)
    ]


def _shift(points: list[Point], end: int, by: float) -> None:
    """Moves an end of an arrow sideways, and the way it goes straight on beside its node."""
    order = list(range(len(points))) if end == 0 else list(range(len(points) - 1, -1, -1))
    old = points[order[0]][0]
    straight = len(points) == 2 or next((k for k, place in enumerate(order) if points[place][0] != old), 1)
    for place in order[: 1 if straight is True else straight]:
        points[place] = (old + by, points[place][1])


def _loop(arrow: Arrow, node: Node, metrics: Metrics) -> Edge:
    """A state that leads to itself: out at its right side and back in above."""
    right = node.x + node.width
    out = right + metrics.gap / 2
    low, high = node.y + node.height * 0.7, node.y + node.height * 0.3
    points = ((right, low), (out, low), (out, high), (right, high))
    return Edge(arrow.source, arrow.target, arrow.kind, arrow.label, points)
