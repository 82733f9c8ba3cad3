"""Where on its rank each node stands: as near to the middle of its neighbours as its rank's order and gaps allow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from asl_runner.graph.layers import Key, Layers, neighbours

PASSES = 16
_STRAIGHT = 6.0
"""How much more it counts to keep a long edge straight than to keep a node in the middle."""


def columns(layers: Layers, widths: Mapping[Key, float], gap: float) -> dict[Key, float]:
    """The centre of every node and passing place; the leftmost edge is at 0."""
    centre: dict[Key, float] = {}
    for rank in layers.ranks:
        left = 0.0
        for node in rank:
            centre[node] = left + widths[node] / 2
            left += widths[node] + gap
    above, below = neighbours(layers.chains)
    for number in range(PASSES):
        downwards = number % 2 == 0
        both = number >= PASSES - 4
        for rank in layers.ranks if downwards else reversed(layers.ranks):
            first, second = (above, below) if downwards else (below, above)
            wished = []
            for node in rank:
                near = _near(node, first, second, both)
                wished.append(sum(centre[other] for other in near) / len(near) if near else centre[node])
            weights = [_STRAIGHT if isinstance(node, tuple) else 1.0 for node in rank]
            places = _spread(wished, weights, [widths[node] for node in rank], gap)
            centre.update(zip(rank, places, strict=True))
    left = min((centre[node] - widths[node] / 2 for node in centre), default=0.0)
    return {node: middle - left for node, middle in centre.items()}


def _near(node: Key, first: Mapping[Key, list[Key]], second: Mapping[Key, list[Key]], both: bool) -> list[Key]:
    """The neighbours a node is drawn towards; of a long edge its own places, so that it is straight."""
    near: list[Key] = [*first.get(node, ()), *(second.get(node, ()) if both else ())]
    near = near or second.get(node, [])
    if isinstance(node, tuple):
        own: list[Key] = [other for other in (*first.get(node, ()), *second.get(node, ())) if isinstance(other, tuple)]
        return own or near
    return near


def _spread(wished: Sequence[float], weights: Sequence[float], widths: Sequence[float], gap: float) -> list[float]:
    """The places nearest to those wished for, in least squares, that keep order and gaps.

    Pool adjacent violators: what overlaps is one block that stands where its members wish on average.
    """
    offsets: list[float] = []
    offset = 0.0
    for index, width in enumerate(widths):
        if index:
            offset += (widths[index - 1] + width) / 2 + gap
        offsets.append(offset)
    blocks: list[tuple[float, float, int]] = []
    for wish, weight, shift in zip(wished, weights, offsets, strict=True):
        mean, total, size = wish - shift, weight, 1
        while blocks and blocks[-1][0] > mean:
            other, more, count = blocks.pop()
            mean = (mean * total + other * more) / (total + more)
            total, size = total + more, size + count
        blocks.append((mean, total, size))
    means = [mean for mean, _, size in blocks for _ in range(size)]
    return [mean + shift for mean, shift in zip(means, offsets, strict=True)]
