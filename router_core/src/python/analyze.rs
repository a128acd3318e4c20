//! The analysis of a table for Python: long work, which holds no GIL.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::analyze::Assumptions;

use super::errors::{guard, invalid_field};
use super::table::PyTable;

#[pyfunction]
#[pyo3(signature = (table, assumptions=None))]
pub fn analyze(py: Python<'_>, table: &PyTable, assumptions: Option<&[u8]>) -> PyResult<Vec<u8>> {
    let assumptions = assumptions.unwrap_or(b"{}");
    let assumed = guard(|| Ok(Assumptions::read(assumptions, &table.table)))?;
    let assumed = assumed.map_err(|message| invalid_field(py, message, "assumptions"))?;
    let report = guard(|| Ok(py.detach(|| crate::analyze::analyze(&table.table, &assumed))))?;
    serde_json::to_vec(&report).map_err(|error| PyValueError::new_err(error.to_string()))
}
