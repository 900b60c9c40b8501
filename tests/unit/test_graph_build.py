"""Traces as graphs, on small histories by hand."""

from __future__ import annotations

from typing import NamedTuple

import networkx as nx
import pytest

from graph.build import build_graph, mass_in, mass_out
from graph.errors import CyclicHistory, InvalidRun
from graph.layers import layer_nodes
from graph.summary import summarise


class Flow(NamedTuple):
    run_id: int
    lot_id: int
    net_g: int
    metal_g: int


TWO_RUNS = [
    Flow(10, 1, -600, -500),
    Flow(10, 2, -400, -300),
    Flow(10, 3, 900, 790),
    Flow(20, 3, -900, -790),
    Flow(20, 4, 700, 650),
    Flow(20, 5, 150, 100),
]


def test_every_edge_carries_the_grams_of_its_flow() -> None:
    graph = build_graph(TWO_RUNS)

    assert graph.edges[("lot", 1), ("run", 10)] == {"net_g": 600, "metal_g": 500}
    assert graph.edges[("run", 20), ("lot", 5)] == {"net_g": 150, "metal_g": 100}
    assert mass_in(graph, ("run", 20)) == 900
    assert mass_out(graph, ("run", 20), "metal_g") == 750


def test_a_run_carries_what_it_lost() -> None:
    graph = build_graph(TWO_RUNS)

    assert graph.nodes["run", 10] == {"lost_g": 100, "lost_metal": 10}
    assert graph.nodes["run", 20] == {"lost_g": 50, "lost_metal": 40}


def test_both_directions_join_and_a_flow_told_twice_counts_once() -> None:
    upstream, downstream = TWO_RUNS[:3], TWO_RUNS[3:]

    graph = build_graph([*upstream, *downstream, *downstream], focus=3)

    assert nx.ancestors(graph, ("lot", 3)) == {("lot", 1), ("lot", 2), ("run", 10)}
    assert nx.descendants(graph, ("lot", 3)) == {("run", 20), ("lot", 4), ("lot", 5)}
    assert graph.size(weight="net_g") == 600 + 400 + 900 + 900 + 700 + 150


def test_a_lot_whose_run_is_out_of_reach_is_marked_as_beyond() -> None:
    graph = build_graph(TWO_RUNS[3:], makers={3: 10, 4: 20, 5: 20})

    beyond = {node for node, on in graph.nodes(data="beyond") if on}
    assert beyond == {("lot", 3)}


def test_a_lot_alone_is_a_graph_of_one_node() -> None:
    assert list(build_graph([], focus=7)) == [("lot", 7)]


def test_a_cycle_is_refused_with_its_path() -> None:
    flows = [*TWO_RUNS, Flow(10, 4, -700, -650)]

    with pytest.raises(CyclicHistory, match="run 10") as caught:
        build_graph(flows)

    assert "lot 4" in str(caught.value)


@pytest.mark.parametrize("flow", [Flow(1, 2, 0, 0), Flow(1, 2, 5, 6)])
def test_a_flow_that_cannot_be_is_refused(flow: Flow) -> None:
    with pytest.raises(InvalidRun):
        build_graph([flow])


def test_two_masses_for_one_flow_are_refused() -> None:
    with pytest.raises(InvalidRun, match="600 g"):
        build_graph([TWO_RUNS[0], Flow(10, 1, -601, -500)])


def test_an_input_stands_in_the_layer_before_its_run() -> None:
    graph = build_graph([*TWO_RUNS, Flow(20, 9, -50, -50)])

    layers = layer_nodes(graph)

    assert layers["lot", 9] == layers["run", 20] - 1 == 2
    assert all(layers[start] < layers[end] for start, end in graph.edges)


def test_a_small_history_is_shown_as_it_is() -> None:
    graph = build_graph(TWO_RUNS)

    summary = summarise(graph, ("lot", 3))

    assert nx.utils.graphs_equal(summary.graph, graph)
    assert summary.rests == {}


def test_many_small_inputs_become_one_node_with_their_grams() -> None:
    flows = [Flow(1, lot, -lot, -lot) for lot in range(100, 500)]
    flows.append(Flow(1, 1, sum(range(100, 500)), sum(range(100, 500))))

    summary = summarise(build_graph(flows), ("lot", 1), most=50)

    assert len(summary.graph) <= 50
    (rest,) = summary.rests.values()
    assert ("lot", 499) in summary.graph
    assert rest.lots == 400 - 40
    assert rest.net_g == sum(range(100, 460))


def test_the_far_end_of_a_long_chain_becomes_one_node() -> None:
    flows = []
    for run in range(1000):
        flows += [Flow(run, run, -100, -90), Flow(run, run + 1, 100, 90)]

    summary = summarise(build_graph(flows), ("lot", 500), most=21)

    assert len(summary.graph) == 21
    assert len(summary.rests) == 2
    assert nx.is_directed_acyclic_graph(summary.graph)
    assert sum(rest.lots + rest.runs for rest in summary.rests.values()) == 2001 - 19


def test_a_picture_of_fewer_than_five_nodes_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 5"):
        summarise(build_graph(TWO_RUNS), ("lot", 3), most=4)
