//! The figures of experiments as JSON, for operators and for the statistics of query classes.

use serde_json::{json, Value};

use super::guardrail::Verdict;
use super::{Bound, ExperimentState, Experiments};
use crate::experiment::Experiment;
use crate::table::Table;

impl Experiments {
    /// Every experiment of a table with its arms in the order of the config, and which arms serve which
    /// classes of queries.
    #[must_use]
    pub fn report(&self, table: &Table, bound: &[Bound], now_us: u64) -> Value {
        let experiments = table.experiments.iter().zip(bound);
        let rows = experiments.filter_map(|((_, experiment), bound)| {
            let state = self.states.get(bound.experiment)?;
            Some(state.report(table, experiment, bound, now_us))
        });
        json!({ "experiments": rows.collect::<Vec<_>>(), "query_classes": query_classes(table) })
    }
}

impl ExperimentState {
    fn report(&self, table: &Table, experiment: &Experiment, bound: &Bound, now_us: u64) -> Value {
        let (judged, verdict) = self.verdict(bound);
        let judged = self.arms.get(judged).map_or("", |arm| arm.name.as_str());
        let shares = experiment.shares(now_us);
        let arms = experiment.arms.iter().zip(&bound.arms).zip(shares);
        let arms = arms.filter_map(|((arm, index), share)| {
            let figures = &self.arms.get(*index)?.figures;
            Some(json!({
                "name": arm.name,
                "model": table.models.get(arm.model).name,
                "wanted_share": share,
                "requests": figures.requests,
                "served": figures.all.served,
                "errors": figures.all.errors,
                "latency_us": figures.latency_us,
                "mean_latency_us": figures.mean_latency_us(),
                "p95_latency_us": figures.latencies.quantile(0.95),
                "feedback_count": figures.scores.count,
                "mean_quality": figures.scores.mean(),
                "quality_variance": figures.scores.variance(),
                "cost_usd": figures.cost_usd,
            }))
        });
        json!({
            "name": experiment.name,
            "enabled": experiment.enabled && self.rolled_back.is_none(),
            "unit": experiment.unit.as_str(),
            "arms": arms.collect::<Vec<_>>(),
            "verdict": verdict.as_str(),
            "verdict_reason": verdict.reason(judged, &self.guardrail),
            "since_us": self.since_us,
        })
    }

    /// The worst verdict on any arm, and which arm it is.
    fn verdict(&self, bound: &Bound) -> (usize, Verdict) {
        let judged = bound.arms.iter().map(|arm| (*arm, self.verdict_of(*arm)));
        let worst = judged.max_by_key(|(_, verdict)| verdict.severity());
        self.rolled_back.or(worst).unwrap_or((self.control, Verdict::Control))
    }
}

fn query_classes(table: &Table) -> Option<Value> {
    let classes = table.query_classes.as_ref()?;
    let experiment = table.experiments.get(classes.experiment);
    let arm = |index: usize| experiment.arms.get(index).map(|arm| arm.name.as_str());
    Some(json!({
        "experiment": experiment.name,
        "simple": arm(classes.simple),
        "complex": arm(classes.complex),
        "baseline_latency_us": classes.baseline_latency_us,
    }))
}
