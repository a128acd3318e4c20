//! The compiled config for Python: what connectors, faces and the config loader read of it.

use std::sync::Arc;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::complexity::CueFinder;
use crate::config::diagnostics::{Diagnostic, Severity};
use crate::ids::Id;
use crate::outline::outline;
use crate::query_class::Query;
use crate::request::{inspect, inspect_text, Operation};
use crate::table::{Deployment, Model, Provider, Table};

use super::errors::{config_rejected, guard, invalid_field, invalid_request};
use super::request::PyInspection;

/// Bodies past this many bytes are read without the GIL.
const LARGE_BODY: usize = 64 * 1024;

#[pyclass(frozen, name = "Diagnostic", module = "router_service._core")]
pub struct PyDiagnostic(pub Diagnostic);

#[pymethods]
impl PyDiagnostic {
    #[getter]
    fn severity(&self) -> &'static str {
        match self.0.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
    #[getter]
    fn code(&self) -> &'static str {
        self.0.code
    }
    #[getter]
    fn pointer(&self) -> &str {
        &self.0.pointer
    }
    #[getter]
    fn at_key(&self) -> bool {
        self.0.at_key
    }
    #[getter]
    fn offset(&self) -> Option<usize> {
        self.0.offset
    }
    #[getter]
    fn message(&self) -> &str {
        &self.0.message
    }
    #[getter]
    fn suggestion(&self) -> Option<&str> {
        self.0.suggestion.as_deref()
    }
    #[getter]
    fn accepted(&self) -> Option<&str> {
        self.0.accepted.as_deref()
    }
}

#[pyclass(frozen, name = "Provider", module = "router_service._core")]
pub struct PyProvider {
    table: Arc<Table>,
    id: Id<Provider>,
}

impl PyProvider {
    fn inner(&self) -> &Provider {
        self.table.providers.get(self.id)
    }
}

#[pymethods]
impl PyProvider {
    #[getter]
    fn id(&self) -> &str {
        &self.inner().id
    }
    #[getter]
    fn kind(&self) -> &'static str {
        self.inner().kind.as_str()
    }
    #[getter]
    fn base_url(&self) -> &str {
        &self.inner().base_url
    }
    #[getter]
    fn location(&self) -> &'static str {
        self.inner().location.as_str()
    }
    #[getter]
    fn capacity(&self) -> u32 {
        self.inner().capacity
    }
    #[getter]
    fn credential(&self) -> Option<&str> {
        self.inner().credential.as_deref()
    }
    #[getter]
    fn active(&self) -> bool {
        self.inner().active
    }
    #[getter]
    fn connect_us(&self) -> u64 {
        self.inner().limits.connect_us
    }
    #[getter]
    fn first_token_us(&self) -> u64 {
        self.inner().limits.first_token_us
    }
    #[getter]
    fn idle_us(&self) -> u64 {
        self.inner().limits.idle_us
    }
    #[getter]
    fn total_us(&self) -> Option<u64> {
        self.inner().limits.total_us
    }
    #[getter]
    fn prefill(&self) -> bool {
        self.inner().prefill
    }
    #[getter]
    fn priced(&self) -> bool {
        !self.inner().price.is_free()
    }
}

#[pyclass(frozen, name = "Model", module = "router_service._core")]
pub struct PyModel {
    table: Arc<Table>,
    id: Id<Model>,
}

impl PyModel {
    fn inner(&self) -> &Model {
        self.table.models.get(self.id)
    }
}

#[pymethods]
impl PyModel {
    #[getter]
    fn name(&self) -> &str {
        &self.inner().name
    }
    #[getter]
    fn tier(&self) -> &'static str {
        self.inner().tier.as_str()
    }
    #[getter]
    fn parameters(&self) -> Option<u64> {
        self.inner().parameters
    }
    #[getter]
    fn context_window(&self) -> Option<u32> {
        self.inner().context_window
    }
    #[getter]
    fn capabilities(&self) -> Vec<&str> {
        self.table.labels_of(self.inner())
    }
    #[getter]
    fn providers(&self) -> Vec<&str> {
        let deployments = self.inner().deployments.iter().map(|id| self.table.deployments.get(*id));
        deployments.map(|d| self.table.providers.get(d.provider).id.as_str()).collect()
    }
    #[getter]
    fn aliases(&self) -> Vec<&str> {
        self.inner().aliases.iter().map(String::as_str).collect()
    }
    #[getter]
    fn enabled(&self) -> bool {
        self.inner().enabled
    }
}

#[pyclass(frozen, name = "Deployment", module = "router_service._core")]
pub struct PyDeployment {
    table: Arc<Table>,
    id: Id<Deployment>,
    model: Id<Model>,
}

impl PyDeployment {
    fn inner(&self) -> &Deployment {
        self.table.deployments.get(self.id)
    }
}

#[pymethods]
impl PyDeployment {
    #[getter]
    fn model(&self) -> &str {
        &self.table.models.get(self.model).name
    }
    #[getter]
    fn provider(&self) -> &str {
        &self.table.providers.get(self.inner().provider).id
    }
    #[getter]
    fn upstream_model(&self) -> &str {
        &self.inner().upstream_model
    }
    #[getter]
    fn enabled(&self) -> bool {
        self.inner().enabled
    }
}

#[pyclass(frozen, name = "Table", module = "router_service._core")]
pub struct PyTable {
    pub table: Arc<Table>,
    cues: CueFinder,
    token_limit: u32,
}

#[pymethods]
impl PyTable {
    #[staticmethod]
    fn compile(py: Python<'_>, config: &[u8]) -> PyResult<Self> {
        let compiled = guard(|| Ok(py.detach(|| crate::config::compile(config))))?;
        let table = compiled.map_err(|diagnostics| config_rejected(py, diagnostics))?;
        let cues = CueFinder::new(&table.complexity)
            .map_err(|error| PyValueError::new_err(format!("complexity vocabularies: {error}")))?;
        let token_limit = table.token_limit();
        Ok(Self { table: Arc::new(table), cues, token_limit })
    }

    #[staticmethod]
    fn schema() -> PyResult<String> {
        guard(|| Ok(format!("{:#}", crate::config::schema())))
    }

    #[getter]
    fn version(&self) -> &str {
        &self.table.version
    }
    #[getter]
    fn warnings(&self) -> Vec<PyDiagnostic> {
        self.table.warnings.iter().cloned().map(PyDiagnostic).collect()
    }
    #[getter]
    fn accepted(&self) -> Vec<PyDiagnostic> {
        self.table.accepted.iter().cloned().map(PyDiagnostic).collect()
    }
    fn outline(&self) -> PyResult<Vec<u8>> {
        guard(|| Ok(outline(&self.table).to_string().into_bytes()))
    }
    #[getter]
    fn providers(&self) -> Vec<PyProvider> {
        let ids = self.table.providers.iter().map(|(id, _)| id);
        ids.map(|id| PyProvider { table: self.table.clone(), id }).collect()
    }
    #[getter]
    fn models(&self) -> Vec<PyModel> {
        let ids = self.table.models.iter().map(|(id, _)| id);
        ids.map(|id| PyModel { table: self.table.clone(), id }).collect()
    }
    #[getter]
    fn deployments(&self) -> Vec<PyDeployment> {
        let models = self.table.models.iter();
        let ids =
            models.flat_map(|(model, entry)| entry.deployments.iter().map(move |id| (model, *id)));
        ids.map(|(model, id)| PyDeployment { table: self.table.clone(), id, model }).collect()
    }
    #[getter]
    fn capabilities(&self) -> Vec<&str> {
        self.table.capabilities.iter().map(|(_, entry)| entry.name.as_str()).collect()
    }
    #[getter]
    fn pools(&self) -> Vec<&str> {
        self.table.pools.iter().map(|(_, entry)| entry.name.as_str()).collect()
    }
    #[getter]
    fn condition_headers(&self) -> Vec<&str> {
        self.table.condition_headers.iter().map(String::as_str).collect()
    }
    #[getter]
    fn timeout_us(&self) -> u64 {
        self.table.settings.timeout_us
    }
    #[getter]
    fn warm_check_timeout_us(&self) -> u64 {
        self.table.settings.warm_check_timeout_us
    }
    #[getter]
    fn token_limit(&self) -> u32 {
        self.token_limit
    }

    fn inspect(&self, py: Python<'_>, body: &[u8], operation: &str) -> PyResult<PyInspection> {
        let Some(operation) = Operation::parse(operation) else {
            let message = format!("{operation:?} is no operation: chat, completion or embedding");
            return Err(invalid_field(py, message, "operation"));
        };
        let read = || inspect(body, operation, self.token_limit, &self.cues);
        let inspected =
            guard(|| Ok(if body.len() > LARGE_BODY { py.detach(read) } else { read() }))?;
        inspected.map(PyInspection).map_err(|error| invalid_request(py, &error))
    }

    #[getter]
    fn query_model(&self) -> Option<&str> {
        let classes = self.table.query_classes.as_ref()?;
        let experiment = self.table.experiments.get(classes.experiment);
        let control = experiment.arms.get(experiment.control)?;
        Some(&self.table.models.get(control.model).name)
    }

    #[pyo3(signature = (text, *, query_type=None, entities=Vec::new(), context_docs=0))]
    #[allow(clippy::needless_pass_by_value)] // an argument taken from Python is owned
    fn classify(
        &self,
        py: Python<'_>,
        text: &str,
        query_type: Option<&str>,
        entities: Vec<(String, Vec<String>)>,
        context_docs: usize,
    ) -> PyResult<Option<(&'static str, String)>> {
        let query = Query { text, query_type, entities: &entities, context_docs };
        let classes = self.table.query_classes.as_ref();
        let read = || classes.map(|classes| classes.classifier.classify(&query));
        let found = guard(|| Ok(if text.len() > LARGE_BODY { py.detach(read) } else { read() }))?;
        Ok(found.map(|found| (found.class.as_str(), found.signal)))
    }

    fn inspect_text(&self, py: Python<'_>, text: &str) -> PyResult<PyInspection> {
        let read = || inspect_text(text, self.token_limit, &self.cues);
        let inspected =
            guard(|| Ok(if text.len() > LARGE_BODY { py.detach(read) } else { read() }))?;
        Ok(PyInspection(inspected))
    }
}
