//! R6: a size that is in no name comes from a provider's own list of models.

// As in tests inside the crate: to panic is how a test fails.
#![allow(clippy::expect_used)]

use std::sync::Arc;

use router_core::config::compile;
use router_core::facts::Facts;
use router_core::router::Router;

fn rule_and_provider(router: &mut Router, model: &str) -> (String, String) {
    let facts = Facts { model: model.to_owned(), ..Facts::default() };
    let decision = router.explain(&facts, 0, 0).expect("a decision");
    let chosen = decision.chosen().expect("a first hop");
    (decision.choice.matched.clone(), decision.provider_id(chosen).to_owned())
}

#[test]
fn a_listed_size_routes_a_name_without_one() {
    let reference = include_str!("../src/config/reference.json");
    let table = compile(reference.as_bytes()).expect("the reference fleet compiles");
    let mut router = Router::new(Arc::new(table), "test".to_owned());
    let asked = ["giant", "small", "odd", "plain-3b"];
    for model in &asked[..3] {
        assert_eq!(
            rule_and_provider(&mut router, model),
            ((*model).to_owned(), "ollama".to_owned())
        );
    }
    let listed =
        [("giant", "70.6B"), ("small", "3200000000"), ("odd", "many"), ("plain-3b", "70B")];
    router.learn_sizes(listed.map(|(name, size)| (name.to_owned(), size.to_owned())));
    let expected =
        [("> 13B", "vllm-qwen"), ("< 8B", "ollama"), ("odd", "ollama"), ("< 8B", "ollama")];
    for (model, (matched, provider)) in asked.iter().zip(expected) {
        let got = rule_and_provider(&mut router, model);
        assert_eq!(got, (matched.to_owned(), provider.to_owned()), "{model}");
    }
}
