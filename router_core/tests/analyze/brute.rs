//! The same figures by trying everything: every state of the failure domains, every loss, every way round.

use std::collections::BTreeSet;

use crate::world::World;

/// Active deployments of the plan as (model, provider), up to the attempt limit.
pub fn plan(world: &World, model: usize) -> Vec<(usize, usize)> {
    let members = std::iter::once(&model).chain(&world.models[model].chain);
    let deployments = members.flat_map(|member| {
        world.models[*member].deployments.iter().map(move |provider| (*member, *provider))
    });
    deployments
        .filter(|(member, provider)| {
            world.models[*member].enabled && world.providers[*provider].active
        })
        .take(world.attempt_limit)
        .collect()
}

pub fn is_public(world: &World, model: usize) -> bool {
    let own = &world.models[model];
    own.enabled && own.deployments.iter().any(|provider| world.providers[*provider].active)
}

/// Providers that are up.
pub type State = BTreeSet<usize>;

pub fn availability(world: &World, plan: &[(usize, usize)]) -> f64 {
    mean(world, &|up| first_up(plan, up).map_or(0.0, |_| 1.0))
}

/// The place of the hop that answers.
pub fn first_up(plan: &[(usize, usize)], up: &State) -> Option<usize> {
    plan.iter().position(|(_, provider)| up.contains(provider))
}

/// The mean over all states of all domains: in each, one draw decides on all of a domain's providers.
pub fn mean(world: &World, figure: &dyn Fn(&State) -> f64) -> f64 {
    let domains: BTreeSet<&str> =
        world.providers.iter().map(|provider| provider.domain.as_str()).collect();
    let domains: Vec<&str> = domains.into_iter().collect();
    sum_of_states(world, figure, &domains, &mut BTreeSet::new())
}

fn sum_of_states(
    world: &World,
    figure: &dyn Fn(&State) -> f64,
    domains: &[&str],
    up: &mut State,
) -> f64 {
    let Some((domain, others)) = domains.split_first() else {
        return figure(up);
    };
    let members: Vec<usize> = (0..world.providers.len())
        .filter(|index| world.providers[*index].domain == *domain)
        .collect();
    let mut bounds: Vec<f64> =
        members.iter().map(|index| world.providers[*index].availability).collect();
    bounds.extend([0.0, 1.0]);
    bounds.sort_by(f64::total_cmp);
    let states = bounds.windows(2).map(|state| {
        let drawn = f64::midpoint(state[0], state[1]);
        let mut up = up.clone();
        up.extend(members.iter().filter(|index| drawn < world.providers[**index].availability));
        (state[1] - state[0]) * sum_of_states(world, figure, others, &mut up)
    });
    states.sum()
}

/// What leaves nothing of a plan, as kind and name: each is taken away in turn.
pub fn single_points(world: &World, plan: &[(usize, usize)]) -> BTreeSet<(String, String)> {
    let mut points = BTreeSet::new();
    for provider in &world.providers {
        let name = |index: usize| &world.providers[index];
        let without_provider = plan.iter().filter(|(_, own)| name(*own).name != provider.name);
        if !plan.is_empty() && without_provider.count() == 0 {
            points.insert(("provider".to_owned(), provider.name.clone()));
        }
        let without_domain = plan.iter().filter(|(_, own)| name(*own).domain != provider.domain);
        if !plan.is_empty() && without_domain.count() == 0 {
            points.insert(("failure_domain".to_owned(), provider.domain.clone()));
        }
    }
    points
}

/// Every simple path of the chain graph.
pub fn simple_paths(world: &World) -> Vec<Vec<usize>> {
    let mut paths: Vec<Vec<usize>> = (0..world.models.len()).map(|node| vec![node]).collect();
    let mut at = 0;
    while at < paths.len() {
        let path = paths[at].clone();
        for next in &world.models[path[path.len() - 1]].chain {
            if !path.contains(next) {
                paths.push([path.as_slice(), &[*next]].concat());
            }
        }
        at += 1;
    }
    paths
}

/// Every simple cycle, from its first model.
pub fn cycles(world: &World) -> BTreeSet<Vec<usize>> {
    let closes = |path: &Vec<usize>| {
        path.iter().min() == path.first()
            && world.models[path[path.len() - 1]].chain.contains(&path[0])
    };
    simple_paths(world).into_iter().filter(closes).collect()
}

/// The edges of a cycle.
pub fn edges(cycle: &[usize]) -> Vec<(usize, usize)> {
    let next = cycle.iter().skip(1).chain(cycle.first());
    cycle.iter().copied().zip(next.copied()).collect()
}
