"""Layers of a directed graph: loops turned round, every node a rank below what leads to it, few crossings.

The classic layered layout (Sugiyama, Tagawa and Toda 1981): break cycles, rank by longest path, put a place on every
rank a long edge passes, order each rank by the middle of its neighbours.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import TypeAlias

from msgspec import Struct

Key: TypeAlias = Hashable
Link: TypeAlias = tuple[Key, Key]

SWEEPS = 12
"""How often the order of the ranks is improved, down and up in turn."""


class Layers(Struct):
    """The result. `chains` are the edges as given, in order: the nodes and passing places each goes by, from above."""

    ranks: list[list[Key]]
    chains: list[list[Key]]
    turned: list[bool]
    """Which edges lead upwards: their chain begins at their target."""


def layered(nodes: Sequence[Key], links: Sequence[Link]) -> Layers:
    """Nodes in the order they are wished for, those that edges come from first. No edge may lead to its own node."""
    turned = _turned(nodes, links)
    down = [
        (target, source) if back else (source, target) for (source, target), back in zip(links, turned, strict=True)
    ]
    rank = _ranks(nodes, down)
    ranks: list[list[Key]] = [[] for _ in range(max(rank.values(), default=-1) + 1)]
    for node in nodes:
        ranks[rank[node]].append(node)
    chains: list[list[Key]] = []
    for number, (top, bottom) in enumerate(down):
        passing: list[Key] = [(number, level) for level in range(rank[top] + 1, rank[bottom])]
        for level, place in enumerate(passing, rank[top] + 1):
            ranks[level].append(place)
        chains.append([top, *passing, bottom])
    return Layers(_ordered(ranks, chains), chains, turned)


def neighbours(chains: Iterable[Sequence[Key]]) -> tuple[dict[Key, list[Key]], dict[Key, list[Key]]]:
    """Of every node those right above it, and those right below it."""
    above: dict[Key, list[Key]] = {}
    below: dict[Key, list[Key]] = {}
    for chain in chains:
        for top, bottom in pairwise(chain):
            below.setdefault(top, []).append(bottom)
            above.setdefault(bottom, []).append(top)
    return above, below


def _turned(nodes: Sequence[Key], links: Sequence[Link]) -> list[bool]:
    """Which edges close a loop, seen from the first node on, depth first."""
    leaving: dict[Key, list[int]] = {node: [] for node in nodes}
    for number, (source, _) in enumerate(links):
        leaving[source].append(number)
    turned = [False] * len(links)
    open_: set[Key] = set()
    done: set[Key] = set()
    for first in nodes:
        if first in done:
            continue
        open_.add(first)
        trail = [(first, iter(leaving[first]))]
        while trail:
            node, rest = trail[-1]
            number = next(rest, -1)
            if number < 0:
                trail.pop()
                open_.discard(node)
                done.add(node)
                continue
            target = links[number][1]
            if target in open_:
                turned[number] = True
            elif target not in done:
                open_.add(target)
                trail.append((target, iter(leaving[target])))
    return turned


def _ranks(nodes: Sequence[Key], down: Sequence[Link]) -> dict[Key, int]:
    """The longest way from the top to every node; there are no loops."""
    waiting = dict.fromkeys(nodes, 0)
    below: dict[Key, list[Key]] = {node: [] for node in nodes}
    for top, bottom in down:
        below[top].append(bottom)
        waiting[bottom] += 1
    rank = dict.fromkeys(nodes, 0)
    ready = [node for node in nodes if not waiting[node]]
    for node in ready:
        for bottom in below[node]:
            rank[bottom] = max(rank[bottom], rank[node] + 1)
            waiting[bottom] -= 1
            if not waiting[bottom]:
                ready.append(bottom)
    return rank


def _ordered(ranks: list[list[Key]], chains: Sequence[Sequence[Key]]) -> list[list[Key]]:
    above, below = neighbours(chains)
    best, fewest = ranks, _crossings(ranks, below)
    current = ranks
    for sweep in range(SWEEPS):
        if not fewest:
            break
        current = _swept(current, above if sweep % 2 == 0 else below, upwards=sweep % 2 == 1)
        count = _crossings(current, below)
        if count < fewest:
            best, fewest = current, count
    return best


def _swept(ranks: list[list[Key]], towards: Mapping[Key, list[Key]], *, upwards: bool) -> list[list[Key]]:
    """The ranks, each ordered by the mean place of the neighbours in the rank done before."""
    done: list[list[Key]] = []
    place: dict[Key, int] = {}
    for rank in reversed(ranks) if upwards else ranks:
        means = {}
        for index, node in enumerate(rank):
            seen = [place[other] for other in towards.get(node, ()) if other in place]
            means[node] = sum(seen) / len(seen) if seen else float(index)
        ordered = sorted(rank, key=means.__getitem__)
        place.update((node, index) for index, node in enumerate(ordered))
        done.append(ordered)
    return done[::-1] if upwards else done


def _crossings(ranks: Sequence[Sequence[Key]], below: Mapping[Key, list[Key]]) -> int:
    """How many pairs of edges cross, counted between each two ranks by inversions."""
    count = 0
    for upper, lower in pairwise(ranks):
        place = {node: index for index, node in enumerate(lower)}
        ends = [place[other] for node in upper for other in sorted(below.get(node, ()), key=place.__getitem__)]
        for index, end in enumerate(ends):
            count += sum(1 for later in ends[index + 1 :] if later < end)
    return count
