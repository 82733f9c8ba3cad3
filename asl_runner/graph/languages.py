"""A machine in the languages of other drawing tools: Mermaid and Graphviz's DOT. They lay it out themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from asl_runner.graph.drawing import Box, Drawing, Edge, Mark, Node
from asl_runner.graph.edges import END, START

_COLOURS = {
    "SUCCEEDED": ("#e8f6ec", "#187a3d"),
    "CAUGHT": ("#fff3dc", "#8a5300"),
    "FAILED": ("#fdebec", "#c0272d"),
    "RUNNING": ("#e5f0fd", "#0b62c4"),
    "ABORTED": ("#eef0f3", "#5b6675"),
}


def mermaid(drawing: Drawing, marks: Mapping[str, Mark] | None = None) -> str:
    """A Mermaid flowchart, as Markdown pages on GitHub show it."""
    lines = ["flowchart TD", *_mermaid_box(drawing.box, _names(drawing), "", marks or {})]
    used = {mark.status for mark in (marks or {}).values()}
    lines += [f"  classDef {name} fill:{f},stroke:{s}" for name, (f, s) in _COLOURS.items() if name in used]
    return "\n".join(lines) + "\n"


def _names(drawing: Drawing) -> dict[str, str]:
    return {node.name: f"s{number}" for number, node in enumerate(drawing.nodes()) if node.name not in (START, END)}


_MERMAID_SHAPES = {"Choice": ("{", "}"), "Succeed": ("([", "])"), "Fail": ("([", "])")}


def _mermaid_box(box: Box, names: dict[str, str], key: str, marks: Mapping[str, Mark]) -> Iterator[str]:
    indent = "  " * (key.count("_") + 1)
    for node in box.nodes:
        if node.name in (START, END):
            yield f"{indent}{_end(node, key)}(( ))"
            continue
        name, mark = names[node.name], marks.get(node.name)
        if node.boxes:
            yield f"{indent}subgraph {name}[{_mermaid_text(node.name)}]"
            for number, inner in enumerate(node.boxes):
                yield from _mermaid_box(inner, names, f"{key}_{name}b{number}", marks)
            yield f"{indent}end"
        else:
            left, right = _MERMAID_SHAPES.get(node.type, ("[", "]"))
            yield f"{indent}{name}{left}{_mermaid_text(node.name)}{right}"
        if mark is not None and mark.status in _COLOURS:
            yield f"{indent}class {name} {mark.status}"
    for edge in box.edges:
        arrow = "-.->" if edge.kind == "catch" else "-->"
        label = f"|{_mermaid_text(edge.label)}|" if edge.label else ""
        yield f"{indent}{_place(edge.source, names, key)} {arrow}{label} {_place(edge.target, names, key)}"


def _mermaid_text(text: str) -> str:
    """In quotes, with everything that has a meaning as a numeric entity."""
    return '"' + "".join(c if c.isalnum() or c in " _-.$,=" else f"#{ord(c)};" for c in text) + '"'


def _end(node: Node, key: str) -> str:
    return f"{'start' if node.name == START else 'stop'}{key}"


def _place(name: str, names: dict[str, str], key: str) -> str:
    return f"start{key}" if name == START else f"stop{key}" if name == END else names[name]


def dot(drawing: Drawing, marks: Mapping[str, Mark] | None = None) -> str:
    """A Graphviz digraph."""
    names = _names(drawing)
    head = [
        '  graph [compound=true fontname="sans-serif"]',
        '  node [shape=box style="rounded,filled" fillcolor=white]',
    ]
    return "\n".join(["digraph {", *head, *_dot_box(drawing.box, names, "", marks or {}), "}"]) + "\n"


def _dot_box(box: Box, names: dict[str, str], key: str, marks: Mapping[str, Mark]) -> Iterator[str]:
    indent = "  " * (key.count("_") + 1)
    for node in box.nodes:
        if node.name in (START, END):
            yield f'{indent}{_end(node, key)} [shape=circle label="" width=0.15]'
            continue
        name, mark = names[node.name], marks.get(node.name)
        fill, line = _COLOURS.get(mark.status if mark else "", ("white", "black"))
        if node.boxes:
            yield f'{indent}subgraph cluster_{name} {{ label={_dot_text(node.name)} color="{line}"'
            for number, inner in enumerate(node.boxes):
                yield from _dot_box(inner, names, f"{key}_{name}b{number}", marks)
            yield f"{indent}}}"
        else:
            shape = ' shape=diamond style="filled"' if node.type == "Choice" else ""
            yield f'{indent}{name} [label={_dot_text(node.name)} fillcolor="{fill}" color="{line}"{shape}]'
    boxes = {node.name: names[_first(node)] for node in box.nodes if node.boxes}
    for edge in box.edges:
        yield f"{indent}{_dot_edge(edge, names, key, boxes)}"


def _dot_edge(edge: Edge, names: dict[str, str], key: str, boxes: dict[str, str]) -> str:
    """An arrow from or to a cluster ends at a node inside it and is cut off at its border."""
    said = []
    source, target = _place(edge.source, names, key), _place(edge.target, names, key)
    if edge.source in boxes:
        said.append(f"ltail=cluster_{source}")
        source = boxes[edge.source]
    if edge.target in boxes:
        said.append(f"lhead=cluster_{target}")
        target = boxes[edge.target]
    if edge.label:
        said.append(f"label={_dot_text(edge.label)}")
    if edge.kind == "catch":
        said.append("style=dashed")
    return f"{source} -> {target}" + (f" [{' '.join(said)}]" if said else "")


def _first(node: Node) -> str:
    """A state inside a box, or inside a box in it, that is none itself."""
    while node.boxes:
        node = node.boxes[0].nodes[0]
    return node.name


def _dot_text(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(char if char.isprintable() else " " for char in escaped) + '"'
