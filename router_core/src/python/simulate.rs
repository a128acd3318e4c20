//! The fleet simulator for Python. A run is long work: it holds no lock and no GIL, and one strategy
//! is run per call, so that callers can show how far they are.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::simulate::{Recorded, Simulation};

use super::errors::{config_rejected, guard};
use super::table::PyTable;

#[pyclass(frozen, name = "Simulation", module = "router_service._core")]
pub struct PySimulation(Simulation);

#[pymethods]
impl PySimulation {
    #[new]
    #[pyo3(signature = (table, scenario, recorded=None))]
    fn new(
        py: Python<'_>,
        table: &PyTable,
        scenario: &[u8],
        recorded: Option<Vec<(f64, u32, u32)>>,
    ) -> PyResult<Self> {
        let rows = recorded.map(|rows| rows.into_iter().map(row).collect());
        let made = guard(|| Ok(py.detach(|| Simulation::new(&table.table, scenario, rows))))?;
        made.map(Self).map_err(|diagnostics| config_rejected(py, diagnostics))
    }

    #[getter]
    fn strategies(&self) -> &[String] {
        self.0.strategies()
    }

    fn run(&self, py: Python<'_>, strategy: &str) -> PyResult<Vec<u8>> {
        if !self.0.strategies().iter().any(|known| known == strategy) {
            let message = format!("{strategy:?} is none of this simulation's strategies");
            return Err(PyValueError::new_err(message));
        }
        let report = guard(|| Ok(py.detach(|| self.0.run(strategy))))?;
        serde_json::to_vec(&report).map_err(|error| PyValueError::new_err(error.to_string()))
    }
}

fn row((at_s, prompt_tokens, output_tokens): (f64, u32, u32)) -> Recorded {
    Recorded { at_s, prompt_tokens, output_tokens }
}
