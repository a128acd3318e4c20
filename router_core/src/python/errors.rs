//! Core errors as Python exceptions. They are defined in Python, so that users find one tree in one
//! file; a leftover panic becomes an ordinary exception instead of a `BaseException`.

use std::panic::{catch_unwind, AssertUnwindSafe};

use pyo3::call::PyCallArgs;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use crate::config::diagnostics::Diagnostic;
use crate::refusal::Refused;
use crate::request::RequestError;

use super::table::PyDiagnostic;

/// Runs `work`; a panic is raised as `RuntimeError`, which a face answers with INTERNAL.
pub fn guard<T>(work: impl FnOnce() -> PyResult<T>) -> PyResult<T> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(PyRuntimeError::new_err("the routing core failed; see the log")))
}

fn raise<'py>(py: Python<'py>, class: &str, args: impl PyCallArgs<'py>) -> PyErr {
    let raised = py
        .import("router_service.errors")
        .and_then(|module| module.getattr(class))
        .and_then(|class| class.call1(args));
    match raised {
        Ok(error) => PyErr::from_value(error),
        Err(error) => error,
    }
}

pub fn refused(py: Python<'_>, refused: &Refused) -> PyErr {
    let details = py
        .import("json")
        .and_then(|json| json.call_method1("loads", (refused.details.to_string(),)));
    match details {
        Ok(details) => {
            raise(py, "DecisionError", (refused.code, refused.message.as_str(), details))
        }
        Err(error) => error,
    }
}

pub fn unknown_provider(py: Python<'_>, id: &str, closest: Vec<String>) -> PyErr {
    let message =
        format!("no provider is called {id:?}; the closest ids are {}", closest.join(", "));
    raise(py, "UnknownProvider", (message, closest))
}

pub fn config_rejected(py: Python<'_>, diagnostics: Vec<Diagnostic>) -> PyErr {
    let count = diagnostics.len();
    let wrapped: Vec<PyDiagnostic> = diagnostics.into_iter().map(PyDiagnostic).collect();
    let message = format!("the routing config has {count} findings");
    raise(py, "ConfigRejected", (message, wrapped))
}

pub fn invalid_request(py: Python<'_>, error: &RequestError) -> PyErr {
    raise(py, "InvalidRequest", (error.to_string(), error.param.clone()))
}

/// For a wrong argument that only a wrong caller can give.
pub fn invalid_field(py: Python<'_>, message: String, param: &str) -> PyErr {
    raise(py, "InvalidRequest", (message, param))
}
