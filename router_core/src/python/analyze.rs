//! The analysis of a table for Python: long work, which holds no GIL.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::errors::guard;
use super::table::PyTable;

#[pyfunction]
pub fn analyze(py: Python<'_>, table: &PyTable) -> PyResult<Vec<u8>> {
    let report = guard(|| Ok(py.detach(|| crate::analyze::analyze(&table.table))))?;
    serde_json::to_vec(&report).map_err(|error| PyValueError::new_err(error.to_string()))
}
