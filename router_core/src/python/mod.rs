//! The only room that knows Python: thin frozen classes over the core, a panic guard, and the mapping
//! of errors to `router_service.errors`. The stub beside the package documents the API.

mod errors;
mod request;
mod routing;
mod table;

use pyo3::prelude::*;

use crate::outcome::OutcomeClass;

#[pymodule]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let classes: Vec<&str> = OutcomeClass::NAMES.iter().map(|(_, name)| *name).collect();
    module.add("OUTCOME_CLASSES", classes)?;
    module.add_class::<table::PyDiagnostic>()?;
    module.add_class::<table::PyProvider>()?;
    module.add_class::<table::PyModel>()?;
    module.add_class::<table::PyTable>()?;
    module.add_class::<request::PyInspection>()?;
    module.add_class::<request::PyFacts>()?;
    module.add_class::<routing::PyHop>()?;
    module.add_class::<routing::PySkip>()?;
    module.add_class::<routing::PyDecision>()?;
    module.add_class::<routing::PyAttempt>()?;
    module.add_class::<routing::PyStep>()?;
    module.add_class::<routing::PyOutcome>()?;
    module.add_class::<routing::PyWalk>()?;
    module.add_class::<routing::PyRouter>()?;
    module.add_function(wrap_pyfunction!(request::overlay, module)?)?;
    module.add_function(wrap_pyfunction!(request::warm, module)?)?;
    Ok(())
}
