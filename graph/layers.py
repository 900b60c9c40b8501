"""Layers of a history: every edge leads from a layer to a later one."""

from __future__ import annotations

import networkx as nx

from graph.build import Node


def layer_nodes(graph: nx.DiGraph[Node]) -> dict[Node, int]:
    """The layer of each node, 0 first, so that no edge stays within one.

    By longest path from the left; then whatever nothing leads to moves right, next to
    the first node that it leads to, so that an input stands beside its run however
    long the history before that run is.

    Args:
        graph: Without cycles.

    Cost: O(nodes + edges).
    """
    order = list(nx.topological_sort(graph))
    layers: dict[Node, int] = {}
    for node in order:
        before = (layers[one] for one in graph.predecessors(node))
        layers[node] = max(before, default=-1) + 1
    for node in order:
        after = [layers[one] for one in graph.successors(node)]
        if after and graph.in_degree(node) == 0:
            layers[node] = min(after) - 1
    return layers
