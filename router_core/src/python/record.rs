//! Recorded decisions for Python.

use std::sync::Mutex;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::record::Replayer;

use super::errors::guard;
use super::table::PyTable;
use super::walk::locked;

#[pyclass(frozen, name = "Replayer", module = "router_service._core")]
pub struct PyReplayer(Mutex<Replayer>);

#[pymethods]
impl PyReplayer {
    #[new]
    fn new(table: &PyTable) -> Self {
        Self(Mutex::new(Replayer::new(table.table.clone())))
    }

    fn replay(&self, py: Python<'_>, record: &[u8]) -> PyResult<Vec<u8>> {
        let replayed = guard(|| Ok(py.detach(|| locked(&self.0).replay(record))))?;
        replayed.map(|made| made.to_string().into_bytes()).map_err(PyValueError::new_err)
    }

    #[allow(clippy::needless_pass_by_value)] // an argument taken from Python is owned
    fn draws(
        &self,
        py: Python<'_>,
        record: &[u8],
        seeds: Vec<u64>,
    ) -> PyResult<Vec<Option<String>>> {
        guard(|| Ok(py.detach(|| locked(&self.0).draws(record, &seeds))))?
            .map_err(PyValueError::new_err)
    }
}
