"""A trace as a graph: lots and runs as nodes, grams on every edge.

::

    lot --net_g, metal_g taken--> run --net_g, metal_g made--> lot

A node is a pair of its sort and its row key: ``("lot", 17)``, ``("run", 18)``. Nodes
and edges carry these attributes:

==============  ===========  =========================================================
``net_g``       edge         grams of net mass that go this way, > 0
``metal_g``     edge         grams of metal among them
``beyond``      lot          a run made it that the trace does not reach
``lost_g``      run          net in less net out: named losses and difference
``lost_metal``  run          metal in less metal out
==============  ===========  =========================================================
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol, TypeAlias

import networkx as nx

from graph.errors import CyclicHistory, InvalidRun

Node: TypeAlias = tuple[str, int]
LOT, RUN, REST = "lot", "run", "rest"


class FlowLike(Protocol):
    """Grams of one lot in one run: below 0 taken, above 0 made."""

    @property
    def run_id(self) -> int:
        """Row key of the run."""

    @property
    def lot_id(self) -> int:
        """Row key of the lot."""

    @property
    def net_g(self) -> int:
        """Net grams, with the sign of the direction."""

    @property
    def metal_g(self) -> int:
        """Metal grams, with the same sign or 0."""


def build_graph(
    flows: Iterable[FlowLike],
    *,
    focus: int | None = None,
    makers: Mapping[int, int | None] | None = None,
) -> nx.DiGraph[Node]:
    """The graph of a history.

    Args:
        flows: Upstream, downstream or both; the same flow may be named twice.
        focus: A lot that is a node even where nothing flows.
        makers: Lot -> the run that made it, None for one that came in from outside;
            a lot that is not named counts as one that came in.

    Returns:
        A directed graph without cycles; ``lot -> run`` is taken, ``run -> lot`` made.

    Raises:
        InvalidRun: A flow is empty, a metal mass has another sign than its net mass,
            or one flow is told twice with different grams.
        CyclicHistory: A lot would be made of itself; the path is named.

    Cost: O(flows).
    """
    graph: nx.DiGraph[Node] = nx.DiGraph()
    if focus is not None:
        graph.add_node((LOT, focus))
    for flow in flows:
        _add_flow(graph, flow)
    _refuse_cycle(graph)
    for node in graph:
        if node[0] == LOT:
            run = (makers or {}).get(node[1])
            graph.nodes[node]["beyond"] = run is not None and (RUN, run) not in graph
        else:
            for name, lost in (("net_g", "lost_g"), ("metal_g", "lost_metal")):
                graph.nodes[node][lost] = mass_in(graph, node, name) - mass_out(
                    graph, node, name
                )
    return graph


def mass_in(graph: nx.DiGraph[Node], node: Node, name: str = "net_g") -> int:
    """Grams on the edges that lead to a node."""
    return sum(masses[name] for _, _, masses in graph.in_edges(node, data=True))


def mass_out(graph: nx.DiGraph[Node], node: Node, name: str = "net_g") -> int:
    """Grams on the edges that leave a node."""
    return sum(masses[name] for _, _, masses in graph.out_edges(node, data=True))


def _add_flow(graph: nx.DiGraph[Node], flow: FlowLike) -> None:
    net_g, metal_g = abs(flow.net_g), abs(flow.metal_g)
    if net_g == 0 or metal_g > net_g:
        raise InvalidRun(
            "run {run}, lot {lot}: found a flow of {net} g with {metal} g of metal",
            run=flow.run_id,
            lot=flow.lot_id,
            net=flow.net_g,
            metal=flow.metal_g,
        )
    lot, run = (LOT, flow.lot_id), (RUN, flow.run_id)
    ends = (lot, run) if flow.net_g < 0 else (run, lot)
    if (told := graph.get_edge_data(*ends)) is not None and told != {
        "net_g": net_g,
        "metal_g": metal_g,
    }:
        raise InvalidRun(
            "run {run}, lot {lot}: found {net} g and {other} g for one flow",
            run=flow.run_id,
            lot=flow.lot_id,
            net=net_g,
            other=told["net_g"],
        )
    graph.add_edge(*ends, net_g=net_g, metal_g=metal_g)


def _refuse_cycle(graph: nx.DiGraph[Node]) -> None:
    if nx.is_directed_acyclic_graph(graph):
        return
    cycle = [start for start, _ in nx.find_cycle(graph)]
    raise CyclicHistory(
        "found a lot that would be made of itself: {path}",
        path=" > ".join(f"{sort} {key}" for sort, key in cycle),
    )
