//! Attempts, their outcomes and the walk for Python.

use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::outcome::{Delivered, Outcome, OutcomeClass};
use crate::router::{Journey, NextStep};

use super::decision::PyDecision;

#[pyclass(frozen, name = "Outcome", module = "router_service._core")]
pub struct PyOutcome(pub Outcome);

#[pymethods]
impl PyOutcome {
    #[new]
    #[pyo3(signature = (outcome_class, *, status=None, ttft_us=None, total_us=0, prompt_tokens=None,
                        completion_tokens=None, retry_after_us=None, served_model=None,
                        delivered=None))]
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
        delivered: Option<&str>,
    ) -> PyResult<Self> {
        let class = OutcomeClass::parse(outcome_class).ok_or_else(|| {
            PyValueError::new_err(format!("{outcome_class:?} is no outcome class"))
        })?;
        let unknown = |name| PyValueError::new_err(format!("delivered is {name:?}: text or more"));
        let delivered = delivered
            .map(|name| Delivered::parse(name).ok_or_else(|| unknown(name)))
            .transpose()?;
        Ok(Self(Outcome {
            class,
            status,
            ttft_us,
            total_us,
            prompt_tokens,
            completion_tokens,
            retry_after_us,
            served_model,
            delivered,
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
    #[getter]
    fn delivered(&self) -> Option<&'static str> {
        self.0.delivered.map(Delivered::as_str)
    }
}

#[pyclass(frozen, get_all, name = "Attempt", module = "router_service._core")]
#[derive(Clone)]
pub struct PyAttempt {
    number: usize,
    model: String,
    provider: String,
    deployment: String,
    upstream_model: String,
    permit: String,
    streamed: bool,
    kind: &'static str,
    hedge_after_us: Option<u64>,
}

#[pyclass(frozen, get_all, name = "Step", module = "router_service._core")]
#[derive(Default)]
pub struct PyStep {
    done: bool,
    awaits: bool,
    attempt: Option<PyAttempt>,
    wait_us: Option<u64>,
    failed: Option<&'static str>,
    reason: Option<&'static str>,
    surface: Option<usize>,
}

impl PyStep {
    pub fn of(journey: &Journey) -> Self {
        match &journey.step {
            NextStep::Done => Self { done: true, ..Self::default() },
            NextStep::Await => Self { awaits: true, ..Self::default() },
            NextStep::Wait { us } => Self { wait_us: Some(*us), ..Self::default() },
            NextStep::Fail { failure, surface } => {
                let (failed, reason) = (Some(failure.code()), Some(failure.text()));
                Self { failed, reason, surface: *surface, ..Self::default() }
            }
            NextStep::Try { number, deployment, permit, streamed, kind, hedge_after_us } => {
                let decision = &journey.decision;
                let id = *deployment;
                let attempt = PyAttempt {
                    number: *number,
                    model: decision.model_name(id).to_owned(),
                    provider: decision.provider_id(id).to_owned(),
                    deployment: decision.table.deployments.get(id).id.clone(),
                    upstream_model: decision.upstream_name(id).to_owned(),
                    permit: permit.clone(),
                    streamed: *streamed,
                    kind: kind.as_str(),
                    hedge_after_us: *hedge_after_us,
                };
                Self { attempt: Some(attempt), ..Self::default() }
            }
        }
    }
}

#[pyclass(frozen, name = "Walk", module = "router_service._core")]
pub struct PyWalk(pub Mutex<Journey>);

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

/// A poisoned lock only says that an earlier call panicked and was answered by the guard; the state
/// is counters and times, which stay usable.
pub fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
