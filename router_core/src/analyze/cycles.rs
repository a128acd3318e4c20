//! Cycles of the chain graph, each as the way round. Not every one there is, for there may be more than
//! anyone could list: for each edge that lies on a cycle the shortest one through it.

use std::collections::{BTreeSet, VecDeque};

use rustc_hash::{FxHashMap, FxHashSet};

use super::graph::Graph;

/// Each cycle once, from its first node in file order, the shortest first. None is listed only where
/// there is none, and every edge and every node that is on any cycle is on a listed one.
pub fn cycles(graph: &Graph, components: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut found = BTreeSet::new();
    for component in components.iter().filter(|component| component.len() > 1) {
        let inside: FxHashSet<usize> = component.iter().copied().collect();
        for start in component {
            let parents = shortest_paths(graph, *start, &inside);
            let closing = component.iter().filter(|last| graph.next(**last).contains(start));
            found.extend(closing.map(|last| from_first(way(&parents, *start, *last))));
        }
    }
    let mut cycles: Vec<Vec<usize>> = found.into_iter().collect();
    cycles.sort_by_key(Vec::len);
    cycles
}

/// By node, the one before it on a shortest path from `start`.
fn shortest_paths(
    graph: &Graph,
    start: usize,
    inside: &FxHashSet<usize>,
) -> FxHashMap<usize, usize> {
    let mut parents = FxHashMap::default();
    let mut open = VecDeque::from([start]);
    while let Some(node) = open.pop_front() {
        for next in graph.next(node).iter().filter(|next| inside.contains(next)) {
            if *next != start && !parents.contains_key(next) {
                parents.insert(*next, node);
                open.push_back(*next);
            }
        }
    }
    parents
}

fn way(parents: &FxHashMap<usize, usize>, start: usize, last: usize) -> Vec<usize> {
    let before = |node: &usize| parents.get(node).copied().filter(|_| *node != start);
    let mut way: Vec<usize> = std::iter::successors(Some(last), before).collect();
    way.reverse();
    way
}

/// The same cycle, begun at its smallest node.
fn from_first(mut cycle: Vec<usize>) -> Vec<usize> {
    let first = cycle.iter().enumerate().min_by_key(|(_, node)| **node).map_or(0, |(at, _)| at);
    cycle.rotate_left(first);
    cycle
}
