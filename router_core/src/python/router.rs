//! The router for Python. Every method is one short critical section; no Python object is touched
//! while the lock is held.

use std::collections::BTreeMap;
use std::sync::Mutex;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::IntoPyObjectExt;

use crate::hold::{Hold, HoldKind};
use crate::record::{recall, Entry};
use crate::router::Router;
use crate::state::{LoadSignal, Snapshot, SNAPSHOT_VERSION};

use super::decision::PyDecision;
use super::errors::{guard, refused, unknown_provider};
use super::request::PyFacts;
use super::table::PyTable;
use super::walk::{locked, PyOutcome, PyStep, PyWalk};

#[pyclass(frozen, name = "Router", module = "router_service._core")]
pub struct PyRouter {
    router: Mutex<Router>,
    table: Mutex<Py<PyTable>>,
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
        decided.map(PyDecision).map_err(|error| refused(py, &error))
    }

    #[allow(clippy::needless_pass_by_value)] // an argument taken from Python is owned
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
                Ok(decision) => PyDecision(decision).into_py_any(py),
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
        let explained = guard(|| Ok(locked(&self.router).explained(&facts.0, now_us, seed)))?;
        let explained = explained.map_err(|error| refused(py, &error))?;
        // The search decides many times over, on a router of its own.
        guard(|| Ok(py.detach(|| explained.json().to_string().into_bytes())))
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

    fn finish(
        &self,
        walk: &PyWalk,
        attempt: usize,
        outcome: &PyOutcome,
        now_us: u64,
    ) -> PyResult<PyStep> {
        guard(|| {
            let mut router = locked(&self.router);
            let mut journey = locked(&walk.0);
            router.finish(&mut journey, attempt, &outcome.0, now_us);
            Ok(PyStep::of(&journey))
        })
    }

    fn first_token(&self, walk: &PyWalk, attempt: usize, now_us: u64) -> PyResult<()> {
        guard(|| {
            locked(&self.router).first_token(&locked(&walk.0), attempt, now_us);
            Ok(())
        })
    }

    fn hedge(&self, walk: &PyWalk, now_us: u64) -> PyResult<PyStep> {
        guard(|| {
            let mut router = locked(&self.router);
            let mut journey = locked(&walk.0);
            router.hedge(&mut journey, now_us);
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

    fn feedback(&self, decision_id: &str, score: f64) -> PyResult<bool> {
        if !(0.0..=1.0).contains(&score) {
            return Err(PyValueError::new_err(format!(
                "score is {score}; give a number from 0 to 1"
            )));
        }
        guard(|| Ok(locked(&self.router).feedback(decision_id, score)))
    }

    fn experiments(&self, now_us: u64) -> PyResult<Vec<u8>> {
        let report = guard(|| Ok(locked(&self.router).experiments(now_us)))?;
        Ok(report.to_string().into_bytes())
    }

    #[pyo3(signature = (experiment, now_us))]
    fn reset_experiments(&self, experiment: Option<&str>, now_us: u64) -> PyResult<Vec<String>> {
        guard(|| Ok(locked(&self.router).reset_experiments(experiment, now_us)))
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

    #[allow(clippy::needless_pass_by_value)] // an argument taken from Python is owned
    fn learn_sizes(&self, sizes: BTreeMap<String, String>) -> PyResult<()> {
        guard(|| {
            locked(&self.router).learn_sizes(sizes);
            Ok(())
        })
    }

    // Keyword arguments of a Python method, owned where they are taken from Python.
    #[allow(clippy::too_many_arguments, clippy::needless_pass_by_value)]
    #[pyo3(signature = (provider, now_us, valid_for_us, *, running=None, waiting=None,
                        cache_used=None, loaded=None))]
    fn signal(
        &self,
        provider: &str,
        now_us: u64,
        valid_for_us: u64,
        running: Option<u32>,
        waiting: Option<u32>,
        cache_used: Option<f64>,
        loaded: Option<Vec<String>>,
    ) -> PyResult<()> {
        guard(|| {
            let signal = LoadSignal { running, waiting, cache_used };
            let until_us = now_us.saturating_add(valid_for_us);
            let loaded = loaded.as_deref();
            locked(&self.router).signal(provider, &signal, loaded, until_us, now_us);
            Ok(())
        })
    }

    fn unreachable(&self, now_us: u64) -> PyResult<Vec<String>> {
        guard(|| {
            let router = locked(&self.router);
            Ok(router.unreachable(now_us).into_iter().map(str::to_owned).collect())
        })
    }

    fn reachable(&self, provider: &str, now_us: u64) -> PyResult<()> {
        guard(|| {
            locked(&self.router).reachable(provider, now_us);
            Ok(())
        })
    }

    #[pyo3(signature = (provider, state, *, reason="", until_us=0))]
    fn set_provider_state(
        &self,
        py: Python<'_>,
        provider: &str,
        state: &str,
        reason: &str,
        until_us: u64,
    ) -> PyResult<()> {
        let kind = HoldKind::parse(state);
        if kind.is_none() && state != "enabled" {
            let message = format!("{state:?} is no state: enabled, draining or disabled");
            return Err(PyValueError::new_err(message));
        }
        let hold = kind.map(|kind| Hold { kind, reason: reason.to_owned(), until_us });
        guard(|| Ok(locked(&self.router).hold(provider, hold)))?
            .map_err(|closest| unknown_provider(py, provider, closest))
    }

    fn is_disabled(&self, provider: &str, now_us: u64) -> PyResult<bool> {
        guard(|| Ok(locked(&self.router).is_disabled(provider, now_us)))
    }

    fn status(&self, now_us: u64) -> PyResult<Vec<u8>> {
        guard(|| Ok(locked(&self.router).status(now_us).to_string().into_bytes()))
    }

    fn record(&self, open: bool) -> PyResult<()> {
        guard(|| {
            locked(&self.router).record(open);
            Ok(())
        })
    }

    fn take_records(&self, py: Python<'_>) -> PyResult<(Vec<String>, u64)> {
        guard(|| {
            Ok(py.detach(|| {
                let (entries, lost) = locked(&self.router).take_records();
                (entries.iter().map(Entry::line).collect(), lost)
            }))
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

    fn recall(&self, record: &[u8]) -> PyResult<(PyFacts, u64, u64)> {
        let (facts, now_us, seed) = guard(|| Ok(recall(&mut locked(&self.router), record)))?
            .map_err(PyValueError::new_err)?;
        Ok((PyFacts(facts), now_us, seed))
    }

    fn in_flight(&self) -> PyResult<BTreeMap<String, u32>> {
        guard(|| {
            let router = locked(&self.router);
            Ok(router.in_flight().into_iter().map(|(id, count)| (id.to_owned(), count)).collect())
        })
    }
}
