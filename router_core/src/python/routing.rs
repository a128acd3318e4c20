//! Decisions, walks and the router for Python. Every method is one short critical section; no Python
//! object is touched while the lock is held.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::IntoPyObjectExt;

use crate::decision::Decision;
use crate::outcome::{Outcome, OutcomeClass};
use crate::router::{Journey, NextStep, Router};
use crate::state::{Snapshot, SNAPSHOT_VERSION};
use crate::table::DeploymentId;

use super::errors::{guard, refused};
use super::request::PyFacts;
use super::table::PyTable;

// ── Decision ────────────────────────────────────────────────────────────────────────────────────

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
pub struct PyDecision(Arc<Decision>);

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
        self.0.choice.notes.iter().map(crate::choose::Note::text).collect()
    }
    #[getter]
    fn deprecated(&self) -> Option<&str> {
        self.0.deprecated()
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

// ── Outcome ─────────────────────────────────────────────────────────────────────────────────────

#[pyclass(frozen, name = "Outcome", module = "router_service._core")]
pub struct PyOutcome(Outcome);

#[pymethods]
impl PyOutcome {
    #[new]
    #[pyo3(signature = (outcome_class, *, status=None, ttft_us=None, total_us=0, prompt_tokens=None,
                        completion_tokens=None, retry_after_us=None, served_model=None))]
    #[allow(clippy::too_many_arguments)] // keyword arguments of a Python constructor
    fn new(
        outcome_class: &str,
        status: Option<u16>,
        ttft_us: Option<u64>,
        total_us: u64,
        prompt_tokens: Option<u32>,
        completion_tokens: Option<u32>,
        retry_after_us: Option<u64>,
        served_model: Option<String>,
    ) -> PyResult<Self> {
        let class = OutcomeClass::parse(outcome_class).ok_or_else(|| {
            PyValueError::new_err(format!("{outcome_class:?} is no outcome class"))
        })?;
        Ok(Self(Outcome {
            class,
            status,
            ttft_us,
            total_us,
            prompt_tokens,
            completion_tokens,
            retry_after_us,
            served_model,
        }))
    }
    #[getter]
    fn outcome_class(&self) -> &'static str {
        self.0.class.as_str()
    }
    #[getter]
    fn status(&self) -> Option<u16> {
        self.0.status
    }
    #[getter]
    fn ttft_us(&self) -> Option<u64> {
        self.0.ttft_us
    }
    #[getter]
    fn total_us(&self) -> u64 {
        self.0.total_us
    }
    #[getter]
    fn prompt_tokens(&self) -> Option<u32> {
        self.0.prompt_tokens
    }
    #[getter]
    fn completion_tokens(&self) -> Option<u32> {
        self.0.completion_tokens
    }
    #[getter]
    fn retry_after_us(&self) -> Option<u64> {
        self.0.retry_after_us
    }
    #[getter]
    fn served_model(&self) -> Option<&str> {
        self.0.served_model.as_deref()
    }
}

// ── Walk ────────────────────────────────────────────────────────────────────────────────────────

#[pyclass(frozen, get_all, name = "Attempt", module = "router_service._core")]
#[derive(Clone)]
pub struct PyAttempt {
    number: usize,
    model: String,
    provider: String,
    deployment: String,
    upstream_model: String,
    permit: String,
}

#[pyclass(frozen, get_all, name = "Step", module = "router_service._core")]
#[derive(Default)]
pub struct PyStep {
    done: bool,
    attempt: Option<PyAttempt>,
    wait_us: Option<u64>,
    failed: Option<&'static str>,
    reason: Option<&'static str>,
    surface: Option<usize>,
}

impl PyStep {
    fn of(journey: &Journey) -> Self {
        match &journey.step {
            NextStep::Done => Self { done: true, ..Self::default() },
            NextStep::Wait { us } => Self { wait_us: Some(*us), ..Self::default() },
            NextStep::Fail { failure, surface } => {
                let (failed, reason) = (Some(failure.code()), Some(failure.text()));
                Self { failed, reason, surface: *surface, ..Self::default() }
            }
            NextStep::Try { number, deployment, permit } => {
                let attempt = attempt_of(&journey.decision, *number, *deployment, permit);
                Self { attempt: Some(attempt), ..Self::default() }
            }
        }
    }
}

fn attempt_of(decision: &Decision, number: usize, id: DeploymentId, permit: &str) -> PyAttempt {
    PyAttempt {
        number,
        model: decision.model_name(id).to_owned(),
        provider: decision.provider_id(id).to_owned(),
        deployment: decision.table.deployments.get(id).id.clone(),
        upstream_model: decision.upstream_name(id).to_owned(),
        permit: permit.to_owned(),
    }
}

#[pyclass(frozen, name = "Walk", module = "router_service._core")]
pub struct PyWalk(Mutex<Journey>);

#[pymethods]
impl PyWalk {
    #[getter]
    fn decision(&self) -> PyDecision {
        PyDecision(locked(&self.0).decision.clone())
    }
    #[getter]
    fn step(&self) -> PyStep {
        PyStep::of(&locked(&self.0))
    }
}

// ── Router ──────────────────────────────────────────────────────────────────────────────────────

#[pyclass(frozen, name = "Router", module = "router_service._core")]
pub struct PyRouter {
    router: Mutex<Router>,
    table: Mutex<Py<PyTable>>,
}

/// A poisoned lock only says that an earlier call panicked and was answered by the guard; the state
/// is counters and times, which stay usable.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[pymethods]
impl PyRouter {
    #[new]
    fn new(table: Py<PyTable>, instance: String) -> Self {
        let router = Router::new(table.get().table.clone(), instance);
        Self { router: Mutex::new(router), table: Mutex::new(table) }
    }

    #[getter]
    fn table(&self, py: Python<'_>) -> Py<PyTable> {
        locked(&self.table).clone_ref(py)
    }

    fn decide(
        &self,
        py: Python<'_>,
        facts: &PyFacts,
        now_us: u64,
        seed: u64,
    ) -> PyResult<PyDecision> {
        let decided = guard(|| Ok(locked(&self.router).decide(&facts.0, now_us, seed)))?;
        decided.map(|decision| PyDecision(Arc::new(decision))).map_err(|error| refused(py, &error))
    }

    fn decide_many(
        &self,
        py: Python<'_>,
        facts: Vec<Py<PyFacts>>,
        now_us: u64,
        seed: u64,
    ) -> PyResult<Vec<Py<PyAny>>> {
        let decided: Vec<_> = guard(|| {
            let mut router = locked(&self.router);
            let numbered = (0_u64..).zip(&facts);
            Ok(numbered
                .map(|(n, facts)| router.decide(&facts.get().0, now_us, seed.wrapping_add(n)))
                .collect())
        })?;
        decided
            .into_iter()
            .map(|decision| match decision {
                Ok(decision) => PyDecision(Arc::new(decision)).into_py_any(py),
                Err(error) => refused(py, &error).into_value(py).into_py_any(py),
            })
            .collect()
    }

    fn explain(
        &self,
        py: Python<'_>,
        facts: &PyFacts,
        now_us: u64,
        seed: u64,
    ) -> PyResult<Vec<u8>> {
        let explained = guard(|| Ok(locked(&self.router).explain(&facts.0, now_us, seed)))?;
        explained
            .map(|decision| decision.explain().to_string().into_bytes())
            .map_err(|error| refused(py, &error))
    }

    fn begin(
        &self,
        py: Python<'_>,
        facts: &PyFacts,
        now_us: u64,
        seed: u64,
        deadline_us: u64,
    ) -> PyResult<PyWalk> {
        let begun = guard(|| Ok(locked(&self.router).begin(&facts.0, now_us, seed, deadline_us)))?;
        begun.map(|journey| PyWalk(Mutex::new(journey))).map_err(|error| refused(py, &error))
    }

    fn finish(&self, walk: &PyWalk, outcome: &PyOutcome, now_us: u64) -> PyResult<PyStep> {
        guard(|| {
            let mut router = locked(&self.router);
            let mut journey = locked(&walk.0);
            router.finish(&mut journey, &outcome.0, now_us);
            Ok(PyStep::of(&journey))
        })
    }

    fn resume(&self, walk: &PyWalk, now_us: u64) -> PyResult<PyStep> {
        guard(|| {
            let mut router = locked(&self.router);
            let mut journey = locked(&walk.0);
            router.resume(&mut journey, now_us);
            Ok(PyStep::of(&journey))
        })
    }

    fn abandon(&self, walk: &PyWalk, now_us: u64) -> PyResult<()> {
        guard(|| {
            locked(&self.router).abandon(&mut locked(&walk.0), now_us);
            Ok(())
        })
    }

    fn report(&self, permit: &str, outcome: &PyOutcome, now_us: u64) -> PyResult<&'static str> {
        guard(|| Ok(locked(&self.router).report(permit, &outcome.0, now_us).as_str()))
    }

    fn tick(&self, now_us: u64) -> PyResult<usize> {
        guard(|| Ok(locked(&self.router).tick(now_us)))
    }

    fn swap(&self, table: Py<PyTable>) -> PyResult<()> {
        guard(|| {
            locked(&self.router).swap(table.get().table.clone());
            *locked(&self.table) = table;
            Ok(())
        })
    }

    fn snapshot(&self) -> PyResult<Vec<u8>> {
        let snapshot = guard(|| Ok(locked(&self.router).snapshot()))?;
        serde_json::to_vec(&snapshot).map_err(|error| PyValueError::new_err(error.to_string()))
    }

    fn restore(&self, snapshot: &[u8]) -> PyResult<Vec<String>> {
        let snapshot: Snapshot = serde_json::from_slice(snapshot)
            .map_err(|error| PyValueError::new_err(format!("not a state snapshot: {error}")))?;
        if snapshot.version != SNAPSHOT_VERSION {
            return Err(PyValueError::new_err(format!(
                "state snapshot of version {}; this router reads version {SNAPSHOT_VERSION}",
                snapshot.version
            )));
        }
        guard(|| Ok(locked(&self.router).restore(&snapshot)))
    }

    fn in_flight(&self) -> PyResult<BTreeMap<String, u32>> {
        guard(|| {
            let router = locked(&self.router);
            Ok(router.in_flight().into_iter().map(|(id, count)| (id.to_owned(), count)).collect())
        })
    }
}
