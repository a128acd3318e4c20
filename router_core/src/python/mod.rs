//! The only room that knows Python: thin frozen classes over the core, a panic guard, and the mapping
//! of errors to `router_service.errors`. The stub beside the package documents the API.

mod analyze;
mod decision;
mod errors;
mod record;
mod request;
mod router;
mod simulate;
mod table;
mod walk;

use pyo3::prelude::*;

use crate::outcome::OutcomeClass;

#[pymodule]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let classes: Vec<&str> = OutcomeClass::NAMES.iter().map(|(_, name)| *name).collect();
    module.add("OUTCOME_CLASSES", classes)?;
    module.add("MOST_SIMULATED_REQUESTS", crate::simulate::MOST_REQUESTS)?;
    module.add_class::<table::PyDiagnostic>()?;
    module.add_class::<table::PyProvider>()?;
    module.add_class::<table::PyModel>()?;
    module.add_class::<table::PyDeployment>()?;
    module.add_class::<table::PyTable>()?;
    module.add_class::<request::PyInspection>()?;
    module.add_class::<request::PyFacts>()?;
    module.add_class::<decision::PyHop>()?;
    module.add_class::<decision::PySkip>()?;
    module.add_class::<decision::PyDecision>()?;
    module.add_class::<walk::PyAttempt>()?;
    module.add_class::<walk::PyStep>()?;
    module.add_class::<walk::PyOutcome>()?;
    module.add_class::<walk::PyWalk>()?;
    module.add_class::<router::PyRouter>()?;
    module.add_class::<record::PyReplayer>()?;
    module.add_class::<simulate::PySimulation>()?;
    module.add_function(wrap_pyfunction!(analyze::analyze, module)?)?;
    module.add_function(wrap_pyfunction!(request::overlay, module)?)?;
    module.add_function(wrap_pyfunction!(request::count_tokens, module)?)?;
    module.add_function(wrap_pyfunction!(request::warm, module)?)?;
    Ok(())
}
