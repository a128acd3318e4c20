//! The chain graph (B1): an edge from each model to each member of its chain. Members' own chains are not
//! followed at run time, so a cycle in it is information and no danger.

use rustc_hash::FxHashSet;

use crate::table::{ChainStep, Model, ModelId, Table, Target};

/// Nodes are 0…n; edges in the order of the chains, each once.
#[derive(Debug, Clone)]
pub struct Graph {
    next: Vec<Vec<usize>>,
}

/// Nodes are the indexes of the models. A step that sends the requested name to another provider, or to
/// another deployment of the same model, stays on the model: it is a hop of the plan and no edge.
pub fn chain_graph(table: &Table) -> Graph {
    let next = table.models.iter().map(|(id, model)| {
        let members = chain(table, model).iter().filter_map(|step| member(table, step));
        let mut seen = FxHashSet::default();
        let others = members.filter(|member| *member != id && seen.insert(*member));
        others.map(ModelId::index).collect()
    });
    Graph { next: next.collect() }
}

/// A model without a chain has the default one (B5).
fn chain<'t>(table: &'t Table, model: &'t Model) -> &'t [ChainStep] {
    if model.chain.is_empty() {
        &table.default_chain
    } else {
        &model.chain
    }
}

fn member(table: &Table, step: &ChainStep) -> Option<ModelId> {
    match step.target {
        Target::Model(model) => Some(model),
        Target::Deployment(deployment) => table.deployments.get(deployment).model,
    }
}

impl Graph {
    #[must_use]
    pub fn len(&self) -> usize {
        self.next.len()
    }

    #[must_use]
    pub fn next(&self, node: usize) -> &[usize] {
        self.next.get(node).map_or(&[], Vec::as_slice)
    }

    #[must_use]
    pub fn edge_count(&self) -> usize {
        self.next.iter().map(Vec::len).sum()
    }

    /// Sets of nodes that all reach one another, sources before what they lead to (Kosaraju's
    /// algorithm). A set of one is on no cycle.
    #[must_use]
    pub fn components(&self) -> Vec<Vec<usize>> {
        let back = self.reversed();
        let mut seen = FxHashSet::default();
        let mut components = Vec::new();
        for root in self.postorder().into_iter().rev() {
            let mut component = Vec::new();
            let mut left = vec![root];
            while let Some(node) = left.pop() {
                if seen.insert(node) {
                    component.push(node);
                    left.extend(back.next(node));
                }
            }
            if !component.is_empty() {
                component.sort_unstable();
                components.push(component);
            }
        }
        components
    }

    fn reversed(&self) -> Self {
        let mut next = vec![Vec::new(); self.len()];
        for (from, to) in self.next.iter().enumerate() {
            for node in to {
                if let Some(back) = next.get_mut(*node) {
                    back.push(from);
                }
            }
        }
        Self { next }
    }

    /// Each node after those it leads to, as far as cycles allow.
    fn postorder(&self) -> Vec<usize> {
        let mut seen = FxHashSet::default();
        let mut order = Vec::with_capacity(self.len());
        for root in 0..self.len() {
            if !seen.insert(root) {
                continue;
            }
            let mut open = vec![(root, self.next(root).iter())];
            while let Some((node, rest)) = open.last_mut() {
                match rest.next() {
                    Some(next) if seen.insert(*next) => open.push((*next, self.next(*next).iter())),
                    Some(_) => {}
                    None => {
                        order.push(*node);
                        open.pop();
                    }
                }
            }
        }
        order
    }
}
