"""Any history, reduced to any size, keeps every gram and gets no cycle."""

from __future__ import annotations

from typing import NamedTuple

import networkx as nx
from hypothesis import given, settings
from hypothesis import strategies as st

from graph.build import Node, build_graph, mass_in, mass_out
from graph.layers import layer_nodes
from graph.summary import summarise


class Flow(NamedTuple):
    run_id: int
    lot_id: int
    net_g: int
    metal_g: int


@st.composite
def histories(draw: st.DrawFn) -> list[Flow]:
    """Runs that take lots made before them, and make new ones."""
    lots = list(range(draw(st.integers(1, 6))))
    fresh = len(lots)
    flows: list[Flow] = []
    for run in range(draw(st.integers(1, 25))):
        taken = draw(st.lists(st.sampled_from(lots), min_size=1, max_size=8))
        for lot in sorted(set(taken)):
            net_g = draw(st.integers(1, 10**12))
            flows.append(Flow(run, lot, -net_g, -draw(st.integers(0, net_g))))
        for _ in range(draw(st.integers(1, 8))):
            net_g = draw(st.integers(1, 10**12))
            flows.append(Flow(run, fresh, net_g, draw(st.integers(0, net_g))))
            lots.append(fresh)
            fresh += 1
    return flows


@settings(max_examples=150, deadline=None)
@given(histories(), st.data())
def test_a_reduced_history_keeps_every_gram(
    flows: list[Flow], data: st.DataObject
) -> None:
    graph = build_graph(flows)
    focus = data.draw(st.sampled_from(sorted(n for n in graph if n[0] == "lot")))
    most = data.draw(st.integers(5, 60))

    summary = summarise(graph, focus, most)

    reduced = summary.graph
    assert len(reduced) <= most
    assert focus in reduced
    assert nx.is_directed_acyclic_graph(reduced)
    shown: dict[Node, Node] = {node: node for node in reduced if node[0] != "rest"}
    for rest, what in summary.rests.items():
        assert not shown.keys() & what.members
        shown.update(dict.fromkeys(what.members, rest))
        assert len(what.members) == what.lots + what.runs > 1
        assert what.net_g == mass_in(reduced, rest) + mass_out(reduced, rest)
    assert shown.keys() == set(graph)
    for name in ("net_g", "metal_g"):
        for node in reduced:
            if node[0] != "rest":
                assert mass_in(reduced, node, name) == mass_in(graph, node, name)
                assert mass_out(reduced, node, name) == mass_out(graph, node, name)
        inside = sum(
            masses[name]
            for start, end, masses in graph.edges(data=True)
            if shown[start] == shown[end]
        )
        assert reduced.size(weight=name) + inside == graph.size(weight=name)


@settings(max_examples=100, deadline=None)
@given(histories())
def test_every_edge_leads_to_a_later_layer(flows: list[Flow]) -> None:
    graph = build_graph(flows)

    layers = layer_nodes(graph)

    assert min(layers.values()) == 0
    assert all(layers[start] < layers[end] for start, end in graph.edges)
