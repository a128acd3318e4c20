//! On generated fleets `analyze` agrees with brute force.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use router_core::analyze::{analyze, Assumptions, PlaceKind, Report};

use crate::brute;
use crate::support::table;
use crate::world::World;

const AGREES_TO: f64 = 1e-12;

fn analysed(seed: u64) -> (World, Report) {
    let world = World::random(seed);
    let report = analyze(&table(&world.config()), &Assumptions::default());
    (world, report)
}

fn indexes(world: &World, names: &[String]) -> Vec<usize> {
    let index = |name: &String| world.models.iter().position(|model| model.name == *name).unwrap();
    names.iter().map(index).collect()
}

fn kind(kind: PlaceKind) -> String {
    serde_json::to_value(kind).unwrap().as_str().unwrap().to_owned()
}

/// A way round told from its second model on, from its first.
fn begun_last(mut way: Vec<usize>) -> Vec<usize> {
    way.rotate_right(1);
    way
}

/// For each edge on a cycle the length of the shortest through it.
fn shortest_by_edge(cycles: &BTreeSet<Vec<usize>>) -> BTreeMap<(usize, usize), usize> {
    let mut shortest = BTreeMap::new();
    for cycle in cycles {
        for edge in brute::edges(cycle) {
            let known = shortest.entry(edge).or_insert(cycle.len());
            *known = cycle.len().min(*known);
        }
    }
    shortest
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn plans_are_the_models_own_deployments_and_then_the_chains(seed: u64) {
        let (world, report) = analysed(seed);
        for (index, model) in report.models.iter().enumerate() {
            let expected: Vec<(String, String)> = brute::plan(&world, index)
                .iter()
                .map(|(member, provider)| {
                    (world.models[*member].name.clone(), world.providers[*provider].name.clone())
                })
                .collect();
            let told: Vec<(String, String)> =
                model.plan.iter().map(|hop| (hop.model.clone(), hop.provider.clone())).collect();
            prop_assert_eq!(told, expected);
            prop_assert_eq!(model.public, brute::is_public(&world, index));
        }
    }

    #[test]
    fn availability_is_the_sum_over_all_states(seed: u64) {
        let (world, report) = analysed(seed);
        for (index, model) in report.models.iter().enumerate() {
            let expected = brute::availability(&world, &brute::plan(&world, index));
            prop_assert!(
                (model.availability - expected).abs() < AGREES_TO,
                "{}: {} and {}", model.model, model.availability, expected
            );
            let month_s = 30.0 * 86_400.0;
            prop_assert!((model.downtime_s_per_month / month_s - (1.0 - expected)).abs() < AGREES_TO);
        }
    }

    #[test]
    fn single_points_are_what_leaves_nothing_when_taken_away(seed: u64) {
        let (world, report) = analysed(seed);
        let mut of_system = BTreeSet::new();
        for (index, model) in report.models.iter().enumerate() {
            let expected = brute::single_points(&world, &brute::plan(&world, index));
            let points = model.single_points_of_failure.iter();
            let told: BTreeSet<(String, String)> =
                points.map(|point| (kind(point.kind), point.name.clone())).collect();
            prop_assert_eq!(&told, &expected);
            if model.public {
                let lost = |(kind, name)| (kind, name, model.model.clone());
                of_system.extend(expected.into_iter().map(lost));
            }
        }
        let told: BTreeSet<(String, String, String)> = report
            .system
            .single_points_of_failure
            .iter()
            .flat_map(|point| {
                let of = move |model: &String| (kind(point.kind), point.name.clone(), model.clone());
                point.models.iter().map(of)
            })
            .collect();
        prop_assert_eq!(told, of_system);
    }

    #[test]
    fn every_edge_on_a_cycle_has_a_shortest_witness(seed: u64) {
        let (world, report) = analysed(seed);
        let all = brute::cycles(&world);
        let told: BTreeSet<Vec<usize>> =
            report.cycles.iter().map(|way| indexes(&world, &way[1..])).map(begun_last).collect();
        prop_assert!(told.is_subset(&all), "{told:?} in {all:?}");
        prop_assert_eq!(told.len(), report.cycles.len());
        prop_assert_eq!(shortest_by_edge(&told), shortest_by_edge(&all));
    }

    #[test]
    fn no_simple_path_is_longer(seed: u64) {
        let (world, report) = analysed(seed);
        let paths = brute::simple_paths(&world);
        let told = indexes(&world, &report.longest_path.models);
        prop_assert!(report.longest_path.exact);
        prop_assert!(paths.contains(&told));
        prop_assert_eq!(paths.iter().map(Vec::len).max(), Some(told.len()));
        prop_assert_eq!(report.longest_path.edges + 1, told.len());
        let edges: usize = world.models.iter().map(|model| model.chain.len()).sum();
        prop_assert_eq!((report.nodes, report.edges), (world.models.len(), edges));
    }

    #[test]
    fn positions_and_losses_add_up(seed: u64) {
        let (world, report) = analysed(seed);
        let public: Vec<usize> =
            (0..world.models.len()).filter(|model| brute::is_public(&world, *model)).collect();
        for (index, row) in report.positions.iter().enumerate() {
            for (place, count) in row.plans.iter().enumerate() {
                let there = |model: &&usize| {
                    brute::plan(&world, **model).get(place).is_some_and(|hop| hop.1 == index)
                };
                prop_assert_eq!(*count, public.iter().filter(there).count());
            }
        }
        for (index, radius) in report.blast_radius.iter().take(world.providers.len()).enumerate() {
            let of = |model: &&usize| {
                brute::plan(&world, **model).iter().any(|hop| hop.1 == index)
            };
            let expected: Vec<usize> = public.iter().filter(of).copied().collect();
            prop_assert_eq!(indexes(&world, &radius.touched), expected);
        }
        let ends: usize =
            report.terminal_providers.iter().map(|terminal| terminal.models.len()).sum();
        prop_assert_eq!(ends, public.len());
    }
}
