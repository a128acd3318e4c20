//! Decisions for Python: names are made only when they are read.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::choose::Note;
use crate::decision::Decision;
use crate::table::DeploymentId;

#[pyclass(frozen, get_all, name = "Hop", module = "router_service._core")]
pub struct PyHop {
    model: String,
    provider: String,
    deployment: String,
    upstream_model: String,
    tier: Option<&'static str>,
    param_change_pct: Option<f64>,
}

#[pyclass(frozen, get_all, name = "Skip", module = "router_service._core")]
pub struct PySkip {
    model: String,
    provider: String,
    deployment: String,
    reason: String,
}

#[pyclass(frozen, name = "Decision", module = "router_service._core")]
pub struct PyDecision(pub Arc<Decision>);

impl PyDecision {
    fn of_chosen(&self, name: impl Fn(&Decision, DeploymentId) -> String) -> String {
        self.0.chosen().map(|id| name(&self.0, id)).unwrap_or_default()
    }
}

#[pymethods]
impl PyDecision {
    #[getter]
    fn decision_id(&self) -> &str {
        &self.0.id
    }
    #[getter]
    fn table_version(&self) -> &str {
        &self.0.table.version
    }
    #[getter]
    fn requested_model(&self) -> &str {
        &self.0.requested
    }
    #[getter]
    fn rule(&self) -> &'static str {
        self.0.choice.rule.as_str()
    }
    #[getter]
    fn commit(&self) -> &'static str {
        self.0.choice.delivery.commit.as_str()
    }
    #[getter]
    fn stream_break(&self) -> &'static str {
        self.0.choice.delivery.stream_break.as_str()
    }
    #[getter]
    fn matched(&self) -> &str {
        &self.0.choice.matched
    }
    #[getter]
    fn strategy(&self) -> &'static str {
        self.0.choice.strategy.as_str()
    }
    #[getter]
    fn model(&self) -> String {
        self.of_chosen(|decision, id| decision.model_name(id).to_owned())
    }
    #[getter]
    fn provider(&self) -> String {
        self.of_chosen(|decision, id| decision.provider_id(id).to_owned())
    }
    #[getter]
    fn deployment(&self) -> String {
        self.of_chosen(|decision, id| decision.table.deployments.get(id).id.clone())
    }
    #[getter]
    fn upstream_model(&self) -> String {
        self.of_chosen(|decision, id| decision.upstream_name(id).to_owned())
    }
    #[getter]
    fn complexity(&self) -> &'static str {
        self.0.choice.band.as_str()
    }
    #[getter]
    fn prompt_tokens(&self) -> u32 {
        self.0.prompt_tokens
    }
    #[getter]
    fn plan(&self) -> Vec<PyHop> {
        self.0.choice.plan.iter().map(|hop| hop_of(&self.0, hop.deployment)).collect()
    }
    /// Equal for equal plans of one table: the deployments' indexes, packed.
    #[getter]
    fn plan_key(&self, py: Python<'_>) -> Py<PyBytes> {
        let hops = self.0.choice.plan.iter();
        let indexes: Vec<u8> = hops
            .flat_map(|hop| u32::try_from(hop.deployment.index()).unwrap_or(u32::MAX).to_le_bytes())
            .collect();
        PyBytes::new(py, &indexes).unbind()
    }
    #[getter]
    fn skipped(&self) -> Vec<PySkip> {
        let decision = &self.0;
        let rows = decision.choice.skipped.iter();
        rows.map(|(id, skip)| PySkip {
            model: decision.model_name(*id).to_owned(),
            provider: decision.provider_id(*id).to_owned(),
            deployment: decision.table.deployments.get(*id).id.clone(),
            reason: decision.skip_reason(*id, skip),
        })
        .collect()
    }
    #[getter]
    fn notes(&self) -> Vec<String> {
        self.0.choice.notes.iter().map(Note::text).collect()
    }
    #[getter]
    fn deprecated(&self) -> Option<&str> {
        self.0.deprecated()
    }
    #[getter]
    fn basis(&self) -> &'static str {
        self.0.choice.basis.as_str()
    }
    #[getter]
    fn experiment(&self) -> Option<&str> {
        self.0.assigned().map(|(experiment, _)| experiment)
    }
    #[getter]
    fn arm(&self) -> Option<&str> {
        self.0.assigned().map(|(_, arm)| arm)
    }
    #[getter]
    fn propensity(&self) -> f64 {
        self.0.choice.propensity
    }
    #[getter]
    fn seed(&self) -> u64 {
        self.0.seed
    }
    #[getter]
    fn permit(&self) -> &str {
        &self.0.permit
    }
    #[getter]
    fn permit_expires_us(&self) -> u64 {
        self.0.permit_expires_us
    }
}

fn hop_of(decision: &Decision, id: DeploymentId) -> PyHop {
    let deployment = decision.table.deployments.get(id);
    PyHop {
        model: decision.model_name(id).to_owned(),
        provider: decision.provider_id(id).to_owned(),
        deployment: deployment.id.clone(),
        upstream_model: decision.upstream_name(id).to_owned(),
        tier: deployment.model.map(|model| decision.table.models.get(model).tier.as_str()),
        param_change_pct: decision.param_change_pct(id),
    }
}
