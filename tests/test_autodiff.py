"""The tape alone: fake nodes whose cotangents are numbers, strings and sums of paths. No arrays anywhere.

The oracle is the chain rule in its plainest form: the derivative of a root by a vertex is the sum over all paths between
them of the product of the edges. Here a product of edges is the tuple of their names, so nothing can cancel by chance.
"""

from __future__ import annotations

import gc
import itertools
import sys
import threading
import weakref
from collections import Counter
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minigrad.autodiff import Node, Vertex, backward_pass, next_sequence_nr, toposort
from minigrad.grad_mode import set_recording, thread

Path = tuple[str, ...]


class Paths:
    """A formal sum of paths: the freest thing that has `+`."""

    def __init__(self, *paths: Path) -> None:
        self.count = Counter(paths)

    def __add__(self, other: Paths) -> Paths:
        return Paths.of(self.count + other.count)

    @staticmethod
    def of(count: Counter[Path]) -> Paths:
        paths = Paths()
        paths.count = count
        return paths

    def along(self, edge: str) -> Paths:
        return Paths.of(Counter({(*path, edge): n for path, n in self.count.items()}))


class Fake(Node):
    """A node that counts how often it is pulled and whether it was released."""

    __slots__ = ("pulled", "released", "through")

    def __init__(self, parents: Sequence[Vertex | None], through: Sequence[Callable[[Any], Any]]) -> None:
        self.sequence_nr = next_sequence_nr()
        self.parents = tuple(parents)
        self.hooks = None
        self.through = through
        self.pulled = 0
        self.released = False

    def vjp(self, cotangent: Any, needed: Set[Vertex] | None) -> Sequence[Any]:
        assert not self.released
        self.pulled += 1
        asked = [parent is not None and (needed is None or parent in needed) for parent in self.parents]
        return [edge(cotangent) if wanted else None for edge, wanted in zip(self.through, asked, strict=True)]

    def release_saved(self) -> None:
        self.released = True


def linked(*parents: Vertex | None, edges: Sequence[str] = "") -> Fake:
    """Return a node that writes the names of its edges into the paths."""
    names = edges or [f"e{next_sequence_nr()}" for _ in parents]
    return Fake(parents, [lambda paths, name=name: paths.along(name) for name in names])  # type: ignore[misc]


def scaled(*edges: tuple[Vertex, int]) -> Fake:
    """Return a node that multiplies numbers."""
    return Fake([parent for parent, _ in edges], [lambda g, k=k: k * g for _, k in edges])  # type: ignore[misc]


@dataclass
class Dag:
    """A random graph, and its edges as data that the engine never sees."""

    leaves: list[str]
    nodes: list[Fake] = field(default_factory=list)
    edges: dict[Vertex, list[tuple[Vertex, str]]] = field(default_factory=dict)

    def paths(self, root: Vertex, to: Vertex) -> Counter[Path]:
        """Return all paths by plain recursion: the oracle."""
        here: Counter[Path] = Counter([()] if root == to else [])
        for parent, edge in self.edges.get(root, []):
            for path, n in self.paths(parent, to).items():
                here[(edge, *path)] += n
        return here


@st.composite
def dags(draw: st.DrawFn) -> Dag:
    dag = Dag(leaves=[f"leaf{k}" for k in range(draw(st.integers(1, 3)))])
    for k in range(draw(st.integers(1, 7))):
        parents = draw(st.lists(st.sampled_from([*dag.leaves, *dag.nodes, None]), min_size=1, max_size=3))
        edges = [f"{k}.{i}" for i in range(len(parents))]
        node = linked(*parents, edges=edges)
        dag.edges[node] = [(p, e) for p, e in zip(parents, edges, strict=True) if p is not None]
        dag.nodes.append(node)
    return dag


def sums(found: dict[Vertex, Paths]) -> dict[Vertex, Counter[Path]]:
    return {vertex: paths.count for vertex, paths in found.items()}


# ------------------------------------------------------------------------------------------------------ the chain rule


@given(dags())
def test_every_leaf_gets_the_sum_over_all_paths(dag: Dag) -> None:
    root = dag.nodes[-1]
    expected = {leaf: paths for leaf in dag.leaves if (paths := dag.paths(root, leaf))}
    assert sums(backward_pass([(root, Paths(()))])) == expected


@given(dags())
def test_a_node_is_pulled_once_when_its_cotangent_is_complete(dag: Dag) -> None:
    backward_pass([(dag.nodes[-1], Paths(()))])
    reached = toposort([dag.nodes[-1]])
    assert [node.pulled for node in dag.nodes] == [int(node in reached) for node in dag.nodes]


@given(dags(), st.data())
def test_targets_get_the_sum_over_all_paths_and_nothing_else_is_pulled(dag: Dag, data: st.DataObject) -> None:
    root = dag.nodes[-1]
    targets = data.draw(st.lists(st.sampled_from([*dag.leaves, *dag.nodes]), max_size=3))
    found = backward_pass([(root, Paths(()))], targets)
    assert sums(found) == {target: paths for target in targets if (paths := dag.paths(root, target))}
    for node in dag.nodes:
        inside = dag.paths(root, node) and any(dag.paths(p, t) for t in targets for p, _ in dag.edges[node])
        assert node.pulled == bool(inside)


@given(dags(), st.data())
def test_several_roots_add_up_and_a_root_that_comes_twice_counts_twice(dag: Dag, data: st.DataObject) -> None:
    roots = data.draw(st.lists(st.sampled_from([*dag.nodes, *dag.leaves]), min_size=1, max_size=4))
    found = backward_pass([(root, Paths((f"seed{k}",))) for k, root in enumerate(roots)], dag.leaves)
    for leaf in dag.leaves:
        expected: Counter[Path] = Counter()
        for k, root in enumerate(roots):
            expected.update({(f"seed{k}", *path): n for path, n in dag.paths(root, leaf).items()})
        assert (found[leaf].count if leaf in found else Counter()) == expected


@given(dags())
def test_ancestors_are_sorted_from_the_youngest(dag: Dag) -> None:
    found = toposort([dag.nodes[-1], dag.nodes[-1]])
    assert found[0] is dag.nodes[-1]
    position = {node: k for k, node in enumerate(found)}
    assert len(position) == len(found)
    assert all(position[p] > position[n] for n in found for p in n.parents if isinstance(p, Node))


def test_numbers_and_strings_are_cotangents_too() -> None:
    square = scaled(("x", 3), ("x", 3))  # x * x at 3
    assert backward_pass([(scaled((square, 2)), 1)]) == {"x": 12}
    word = Fake(["x", "y"], [lambda g: g + "a", lambda g: g + "b"])
    assert backward_pass([(word, "g")]) == {"x": "ga", "y": "gb"}


def test_a_leaf_as_root_gets_its_own_cotangent() -> None:
    assert backward_pass([("x", 5), ("x", 2), ("y", 1)]) == {"x": 7, "y": 1}
    assert backward_pass([("x", 5), ("y", 1)], targets=["y"]) == {"y": 1}


def test_no_roots_and_no_targets_give_nothing() -> None:
    assert backward_pass([]) == {}
    node = scaled(("x", 1))
    assert backward_pass([(node, 1)], targets=[]) == {}
    assert node.pulled == 0


def test_a_target_that_is_a_root_and_feeds_another_root_gets_both_parts() -> None:
    inner = scaled(("x", 2))
    outer = scaled((inner, 10))
    assert backward_pass([(outer, 1), (inner, 1)], targets=[inner, "x"]) == {inner: 11, "x": 22}


def test_a_rule_that_returns_nothing_ends_the_path() -> None:
    cut = Fake(["x", "y"], [lambda g: None, lambda g: g])
    assert backward_pass([(cut, 1)]) == {"y": 1}


def test_a_rule_that_returns_too_few_cotangents_is_an_error() -> None:
    with pytest.raises(ValueError, match="zip"):
        backward_pass([(Fake(["x", "y"], [lambda g: g]), 1)])


# --------------------------------------------------------------------------------------------------------------- hooks


def test_a_hook_sees_the_complete_cotangent_once_and_may_replace_it() -> None:
    shared = scaled(("x", 1))
    root = scaled((shared, 3), (shared, 4))
    seen: list[int] = []
    shared.hooks = [seen.append, lambda g: g * 10, seen.append]
    assert backward_pass([(root, 1)], targets=["x", shared]) == {"x": 70, shared: 70}
    assert seen == [7, 70]


def test_a_hook_that_returns_zero_replaces_and_one_that_returns_none_does_not() -> None:
    node = scaled(("x", 1))
    node.hooks = [lambda g: 0]
    assert backward_pass([(node, 1)], retain_graph=True) == {"x": 0}
    node.hooks = [lambda g: None]
    assert backward_pass([(node, 1)]) == {"x": 1}


def test_a_hook_is_not_called_where_nothing_arrives() -> None:
    idle, used = scaled(("x", 1)), scaled(("x", 2))
    idle.hooks = [lambda g: pytest.fail("called")]
    cut = Fake([idle, used], [lambda g: None, lambda g: g])
    assert backward_pass([(cut, 1)]) == {"x": 2}


# ------------------------------------------------------------------------------------------------------------- release


@given(dags(), st.booleans())
def test_what_was_visited_is_released_unless_the_graph_is_retained(dag: Dag, retain: bool) -> None:
    root = dag.nodes[-1]
    first = sums(backward_pass([(root, Paths(()))], retain_graph=retain))
    visited = toposort([root])
    assert [node.released for node in dag.nodes] == [not retain and node in visited for node in dag.nodes]
    if retain:
        assert sums(backward_pass([(root, Paths(()))])) == first


def test_branches_that_lead_to_no_target_are_not_released() -> None:
    left, right = scaled(("x", 1)), scaled(("y", 1))
    root = scaled((left, 1), (right, 1))
    backward_pass([(root, 1)], targets=["x"])
    assert (root.released, left.released, right.released) == (True, True, False)


def test_nodes_older_than_a_failing_one_stay_as_they_were() -> None:
    def fail(g: int) -> int:
        raise ArithmeticError

    old = scaled(("x", 1))
    failing = Fake([old], [fail])
    young = scaled((failing, 1))
    with pytest.raises(ArithmeticError):
        backward_pass([(young, 1)])
    assert (young.released, failing.released, old.released) == (True, False, False)


# ---------------------------------------------------------------------------------------------------------------- size


@pytest.fixture
def without_collector() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


def chain(length: int) -> Fake:
    double: list[Callable[[int], int]] = [lambda g: g]
    node = Fake(["x"], double)
    for _ in range(length - 1):
        node = Fake([node], double)
    return node


@pytest.mark.usefixtures("without_collector")
def test_a_chain_of_a_million_nodes_is_walked_and_dropped_without_recursion() -> None:
    root = chain(1_000_000)
    last = weakref.ref(root)
    frames = sys.getrecursionlimit()
    assert frames < 100_000
    assert backward_pass([(root, 1)], targets=["x"]) == {"x": 1}
    del root
    assert last() is None


def test_fan_out_adds_up() -> None:
    shared = scaled(("x", 1))
    root = scaled(*[(scaled((shared, k)), 1) for k in range(1000)])
    assert backward_pass([(root, 1)]) == {"x": sum(range(1000))}
    assert shared.pulled == 1


def test_a_ladder_with_exponentially_many_paths_takes_one_pull_per_node() -> None:
    node: Vertex = "x"
    for _ in range(200):
        node = scaled((node, 1), (node, 1))
    assert backward_pass([(node, 1)]) == {"x": 2**200}


@pytest.mark.usefixtures("without_collector")
def test_nodes_are_freed_by_reference_counting() -> None:
    node = scaled(("x", 1))
    root = scaled((node, 1), (node, 2))
    alive = weakref.ref(node)
    backward_pass([(root, 1)])
    del node, root
    assert alive() is None


# -------------------------------------------------------------------------------------------------------------- memory


def test_a_complete_cotangent_is_let_go_as_soon_as_it_was_pulled() -> None:
    class Mark:
        def __add__(self, other: Mark) -> Mark:
            return Mark()

    marks: list[weakref.ref[Mark]] = []
    alive: list[int] = []

    def fresh(_: Mark) -> Mark:
        alive.append(sum(mark() is not None for mark in marks))
        mark = Mark()
        marks.append(weakref.ref(mark))
        return mark

    node = Fake(["x"], [fresh])
    for _ in range(20):
        node = Fake([node], [fresh])
    backward_pass([(node, Mark())], targets=["x"])
    assert max(alive) <= 2


# ------------------------------------------------------------------------------------------------------------ the mode


def test_recording_is_on_at_first_and_switches_nest() -> None:
    assert thread.state.grad_enabled
    off = set_recording(False)
    with off:
        assert not thread.state.grad_enabled
        with set_recording(True):
            assert thread.state.grad_enabled
            with off:  # the same object once more
                assert not thread.state.grad_enabled
            assert thread.state.grad_enabled
        assert not thread.state.grad_enabled
    assert thread.state.grad_enabled


def test_an_exception_restores_the_mode() -> None:
    with pytest.raises(KeyError), set_recording(False):
        raise KeyError
    assert thread.state.grad_enabled


def test_as_a_decorator_it_holds_during_each_call_even_a_recursive_one() -> None:
    @set_recording(False)
    def countdown(n: int) -> list[bool]:
        with set_recording(True):
            inner = countdown(n - 1) if n else []
        return [thread.state.grad_enabled, *inner]

    assert countdown(3) == [False] * 4
    assert thread.state.grad_enabled


def test_the_mode_belongs_to_the_thread() -> None:
    inside: list[bool] = []
    meet = threading.Barrier(2)

    @set_recording(False)
    def quiet() -> None:
        meet.wait()
        inside.append(thread.state.grad_enabled)
        meet.wait()

    threads = [threading.Thread(target=quiet) for _ in range(2)]
    for worker in threads:
        worker.start()
    for worker in threads:
        worker.join()
    assert inside == [False, False]
    with set_recording(False):
        seen: list[bool] = []
        worker = threading.Thread(target=lambda: seen.append(thread.state.grad_enabled))
        worker.start()
        worker.join()
        assert seen == [True]
    assert thread.state.grad_enabled


def test_creation_numbers_are_unique_across_threads() -> None:
    drawn: list[list[int]] = [[] for _ in range(4)]

    def draw_into(mine: list[int]) -> None:
        mine.extend(next_sequence_nr() for _ in range(1000))

    threads = [threading.Thread(target=draw_into, args=(mine,)) for mine in drawn]
    for worker in threads:
        worker.start()
    for worker in threads:
        worker.join()
    numbers = list(itertools.chain(*drawn))
    assert len(set(numbers)) == 4000
    assert all(mine == sorted(mine) for mine in drawn)
