"""A history reduced to what one picture can show, to the last gram.

What is left out becomes nodes of sort ``rest`` ("+37 lots, 12.4 t"). Two kinds of
places are folded, the smallest grams first and the farthest away first:

1. Lots that only feed one run, or that only come out of one, beside their equals.
2. What lies farthest from the lot in question: the beginning and the end of the
   history, each as one node.

A kept node keeps its sums: what leads to it and what leaves it is the same before and
after. Both folds cut along a topological order, so the reduced graph has no cycle.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import networkx as nx

from graph.build import LOT, REST, RUN, Node, mass_in, mass_out
from graph.layers import layer_nodes

LEAST_NODES = 5
SIBLINGS_KEPT = (40, 20, 12, 8, 5, 3, 2, 1, 0)


@dataclass(frozen=True, slots=True)
class Rest:
    """What one node stands for.

    Attributes:
        members: Nodes of the whole graph.
        lots: How many of them are lots.
        runs: How many of them are runs.
        net_g: Grams that pass between them and what is shown.
        metal_g: Metal among these.
    """

    members: frozenset[Node]
    lots: int
    runs: int
    net_g: int
    metal_g: int


@dataclass(frozen=True, slots=True)
class Summary:
    """A reduced history.

    Attributes:
        graph: Nodes of the whole graph, and nodes ``("rest", n)``.
        rests: What these stand for.
    """

    graph: nx.DiGraph[Node]
    rests: dict[Node, Rest]


def summarise(graph: nx.DiGraph[Node], focus: Node, most: int = 200) -> Summary:
    """Reduce a history to at most ``most`` nodes.

    Args:
        graph: From ``build_graph``; it is not changed.
        focus: The lot in question; it is always kept.
        most: At least 5.

    Raises:
        ValueError: ``most`` is below 5.
        KeyError: ``focus`` is not in the graph.

    Cost: O(edges * log nodes).
    """
    if most < LEAST_NODES:
        raise ValueError(f"found {most} nodes, expected at least {LEAST_NODES}")
    if focus not in graph:
        raise KeyError(focus)
    groups: list[list[Node]] = []
    if len(graph) > most:
        for kept in SIBLINGS_KEPT:
            groups = _alike(graph, focus, kept)
            if len(graph) - sum(map(len, groups)) + len(groups) <= most:
                break
    reduced = _merge(graph, groups)
    if len(reduced.graph) > most:
        ends = _far_ends(reduced.graph, focus, most)
        whole = [_unfold(end, reduced.rests) for end in ends]
        gone = set().union(*map(set, whole))
        left = [group for group in groups if not gone.intersection(group)]
        reduced = _merge(graph, [*left, *whole])
    return reduced


def _alike(graph: nx.DiGraph[Node], focus: Node, kept: int) -> list[list[Node]]:
    """Lots that touch one run only, beside others like them; ``kept`` stay."""
    inputs: dict[Node, list[tuple[int, Node]]] = {}
    outputs: dict[Node, list[tuple[int, Node]]] = {}
    for node in graph:
        if node[0] != LOT or node == focus:
            continue
        into, out = graph.in_degree(node), graph.out_degree(node)
        if (into, out) == (0, 1):
            run = next(iter(graph.successors(node)))
            inputs.setdefault(run, []).append((graph.edges[node, run]["net_g"], node))
        elif (into, out) == (1, 0):
            run = next(iter(graph.predecessors(node)))
            outputs.setdefault(run, []).append((graph.edges[run, node]["net_g"], node))
    groups = []
    for beside in (inputs, outputs):
        for run in sorted(beside):
            lots = sorted(beside[run])
            folded = lots[: len(lots) - kept]
            if len(folded) > 1:
                groups.append([node for _, node in folded])
    return groups


def _far_ends(graph: nx.DiGraph[Node], focus: Node, most: int) -> list[list[Node]]:
    """The beginning and the end of a topological order around the focus."""
    layers = layer_nodes(graph)
    at = layers[focus]

    def size(node: Node) -> int:
        return max(mass_in(graph, node), mass_out(graph, node))

    before = sorted(
        (node for node in graph if layers[node] < at),
        key=lambda node: (layers[node], size(node), node),
    )
    after = sorted(
        (node for node in graph if layers[node] >= at and node != focus),
        key=lambda node: (layers[node], -size(node), node),
    )
    room = most - 3  # the focus, and a node for each end
    first = min(len(before), max(room // 2, room - len(after)))
    second = min(len(after), room - first)
    ends = [before[: len(before) - first], after[second:]]
    return [end for end in ends if len(end) > 1]


def _unfold(nodes: Iterable[Node], rests: dict[Node, Rest]) -> list[Node]:
    whole: list[Node] = []
    for node in nodes:
        whole += rests[node].members if node[0] == REST else [node]
    return whole


def _merge(graph: nx.DiGraph[Node], groups: Sequence[Collection[Node]]) -> Summary:
    """Each group as one node; grams between the same two nodes are added up."""
    stands_for: dict[Node, Node] = {}
    for number, group in enumerate(groups):
        stands_for.update(dict.fromkeys(group, (REST, number)))
    reduced: nx.DiGraph[Node] = nx.DiGraph()
    for node, known in graph.nodes(data=True):
        if node not in stands_for:
            reduced.add_node(node, **known)
    for start, end, masses in graph.edges(data=True):
        ends = stands_for.get(start, start), stands_for.get(end, end)
        if ends[0] == ends[1]:
            continue
        told = reduced.get_edge_data(*ends) or {"net_g": 0, "metal_g": 0}
        reduced.add_edge(
            *ends, **{name: told[name] + masses[name] for name in ("net_g", "metal_g")}
        )
    rests = {}
    for number, group in enumerate(groups):
        node = (REST, number)
        reduced.add_node(node)
        rests[node] = Rest(
            members=frozenset(group),
            lots=sum(one[0] == LOT for one in group),
            runs=sum(one[0] == RUN for one in group),
            net_g=mass_in(reduced, node) + mass_out(reduced, node),
            metal_g=mass_in(reduced, node, "metal_g")
            + mass_out(reduced, node, "metal_g"),
        )
    return Summary(reduced, rests)
