//! On generated fleets policies find what brute force finds, and what is accepted is never lost.

use std::collections::BTreeSet;

use proptest::prelude::*;
use router_core::config::compile;
use router_core::config::diagnostics::Diagnostic;
use router_core::policies::catalogue::policy;
use serde_json::{json, Value};

use crate::brute;
use crate::expected::{findings, Expected};
use crate::fleet::Fleet;
use crate::support::table;

/// Findings of policies, cycles apart.
fn told(found: &[Diagnostic]) -> Vec<Expected> {
    found
        .iter()
        .filter(|found| policy(found.code).is_some() && found.code != "cycle")
        .map(|found| (found.code.to_owned(), found.pointer.clone(), found.names.clone()))
        .collect()
}

fn with_accepts(mut config: Value, found: &[Diagnostic]) -> Value {
    let accepts: Vec<Value> = found
        .iter()
        .filter(|found| policy(found.code).is_some())
        .map(|found| json!({ "policy": found.code, "at": found.names[0], "reason": "meant so" }))
        .collect();
    config["policies"]["accept"] = json!(accepts);
    config
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn policies_find_what_brute_force_finds(seed: u64) {
        let fleet = Fleet::random(seed);
        let found = told(&table(&fleet.config()).warnings);
        let distinct: BTreeSet<Expected> = found.iter().cloned().collect();
        prop_assert_eq!(distinct.len(), found.len(), "nothing is told twice");
        prop_assert_eq!(distinct, findings(&fleet));
    }

    #[test]
    fn cycles_are_ways_round_of_public_and_other_models(seed: u64) {
        let fleet = Fleet::random(seed);
        let world = &fleet.world;
        let table = table(&fleet.config());
        let index = |name: &String| world.models.iter().position(|own| own.name == *name).unwrap();
        let cycles = table.warnings.iter().filter(|found| found.code == "cycle");
        let ways: BTreeSet<Vec<usize>> =
            cycles.map(|found| found.names.iter().map(index).collect()).collect();
        let all = brute::cycles(world);
        prop_assert!(ways.is_subset(&all), "{ways:?} in {all:?}");
        let edges = |ways: &BTreeSet<Vec<usize>>| -> BTreeSet<(usize, usize)> {
            ways.iter().flat_map(|way| brute::edges(way)).collect()
        };
        prop_assert_eq!(edges(&ways), edges(&all));
    }

    #[test]
    fn what_is_accepted_is_kept_and_nothing_else_is_told(seed: u64) {
        let config = Fleet::random(seed).config();
        let before = table(&config);
        let after = table(&with_accepts(config, &before.warnings));
        prop_assert_eq!(told(&after.accepted), told(&before.warnings));
        prop_assert_eq!(told(&after.warnings), []);
        prop_assert!(after.warnings.iter().all(|found| found.code != "unused-accept"));
        prop_assert!(after.accepted.iter().all(|found| found.accepted.is_some()));
    }

    #[test]
    fn a_policy_that_is_an_error_refuses_what_it_warned_of(seed: u64) {
        let mut config = Fleet::random(seed).config();
        let warned = told(&table(&config).warnings);
        for code in ["single-failure-domain", "capability-lost", "disabled-model"] {
            config["policies"]["severity"] = json!({ code: "error" });
            let refused = compile(config.to_string().as_bytes());
            let expected = warned.iter().any(|found| found.0 == code);
            prop_assert_eq!(refused.is_err(), expected, "{}", code);
            if let Err(found) = refused {
                prop_assert_eq!(told(&found), warned.clone());
            }
        }
    }
}
