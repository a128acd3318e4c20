//! What Python tells the core about a request: the inspected body, the facts, and the byte-exact
//! overlay.

use pyo3::prelude::*;

use crate::facts::{Facts, Features};
use crate::query_class::QueryClass;
use crate::request::Inspection;

use super::errors::{guard, invalid_field, invalid_request};

/// Longest name of a model, capability, strategy or chain, characters. Real names stay under 200.
const LONGEST_NAME: usize = 512;
/// Largest token or batch figure a request may state.
const LARGEST_FIGURE: i64 = 100_000_000;

#[pyclass(frozen, name = "Inspection", module = "router_service._core")]
pub struct PyInspection(pub Inspection);

#[pymethods]
impl PyInspection {
    #[getter]
    fn model(&self) -> Option<&str> {
        self.0.model.as_deref()
    }
    #[getter]
    fn stream(&self) -> bool {
        self.0.stream
    }
    #[getter]
    fn max_tokens(&self) -> Option<u32> {
        self.0.max_tokens
    }
    #[getter]
    fn prompt_tokens(&self) -> u32 {
        self.0.prompt_tokens
    }
    #[getter]
    fn prompt_tokens_exact(&self) -> bool {
        self.0.prompt_tokens_exact
    }
    #[getter]
    fn features(&self) -> Vec<&'static str> {
        self.0.features.missing_from(Features::default())
    }
    #[getter]
    fn choices(&self) -> u32 {
        self.0.choices
    }
    #[getter]
    fn batch_size(&self) -> u32 {
        self.0.batch_size
    }
    #[getter]
    fn plain(&self) -> bool {
        self.0.plain
    }
}

#[pyfunction]
pub fn overlay(py: Python<'_>, body: &[u8], changes: &[u8]) -> PyResult<Vec<u8>> {
    guard(|| Ok(crate::request::overlay(body, changes)))?
        .map_err(|error| invalid_request(py, &error))
}

/// Tokens of a text, by cl100k.
#[pyfunction]
pub fn count_tokens(py: Python<'_>, text: &str) -> PyResult<u32> {
    guard(|| Ok(py.detach(|| crate::tokens::count(text, u32::MAX).tokens)))
}

/// Loads the vocabulary, so that no request has to wait for it.
#[pyfunction]
pub fn warm(py: Python<'_>) -> PyResult<()> {
    guard(|| {
        py.detach(crate::tokens::warm);
        Ok(())
    })
}

#[pyclass(frozen, name = "Facts", module = "router_service._core")]
pub struct PyFacts(pub Facts);

#[pymethods]
impl PyFacts {
    #[new]
    #[pyo3(signature = (model, *, inspection=None, capability=None, max_tokens=None, stream=None,
                        prompt_tokens=None, batch_size=None, batch_mode=false, request_count=None,
                        quality_tier=None, priority=None, session=None, principal=None,
                        strategy=None, chain=None, headers=Vec::new(), allowed=None,
                        query_class=None))]
    #[allow(clippy::too_many_arguments)] // keyword arguments of a Python constructor
    fn new(
        py: Python<'_>,
        model: String,
        inspection: Option<&PyInspection>,
        capability: Option<String>,
        max_tokens: Option<i64>,
        stream: Option<bool>,
        prompt_tokens: Option<i64>,
        batch_size: Option<i64>,
        batch_mode: bool,
        request_count: Option<i64>,
        quality_tier: Option<String>,
        priority: Option<String>,
        session: Option<String>,
        principal: Option<String>,
        strategy: Option<String>,
        chain: Option<String>,
        headers: Vec<(String, String)>,
        allowed: Option<Vec<String>>,
        query_class: Option<&str>,
    ) -> PyResult<Self> {
        let query_class = query_class.map(|name| class_named(py, name)).transpose()?;
        let seen = inspection.map(|inspection| &inspection.0);
        let figure = |value: Option<i64>, param: &str| figure(py, value, param);
        let own_count = figure(prompt_tokens, "prompt_tokens")?;
        for (value, param) in [
            (Some(&model), "model"),
            (capability.as_ref(), "capability"),
            (strategy.as_ref(), "strategy"),
            (chain.as_ref(), "chain"),
        ] {
            short_enough(py, value, param)?;
        }
        Ok(Self(Facts {
            model,
            capability: capability.filter(|name| !name.is_empty()),
            prompt_tokens: own_count.or(seen.map(|seen| seen.prompt_tokens)).unwrap_or(0),
            prompt_tokens_exact: own_count.is_some()
                || seen.is_none_or(|seen| seen.prompt_tokens_exact),
            max_tokens: figure(max_tokens, "max_tokens")?.or(seen.and_then(|seen| seen.max_tokens)),
            answers: seen.map_or(1, |seen| seen.choices.saturating_mul(seen.batch_size)),
            cues: seen.map(|seen| seen.cues).unwrap_or_default(),
            prompt_hash: seen.and_then(|seen| seen.prompt_hash),
            query_class,
            features: seen.map(|seen| seen.features).unwrap_or_default(),
            plain: seen.is_some_and(|seen| seen.plain),
            stream: stream.unwrap_or(seen.is_some_and(|seen| seen.stream)),
            batch_size: figure(batch_size, "batch_size")?
                .or(seen.map(|seen| seen.batch_size))
                .unwrap_or(1),
            batch_mode,
            request_count: figure(request_count, "request_count")?,
            quality_tier,
            priority,
            session,
            principal,
            strategy: strategy.filter(|name| !name.is_empty()),
            chain: chain.filter(|name| !name.is_empty()),
            headers,
            allowed,
            of_any_unit: false,
        }))
    }
    #[getter]
    fn model(&self) -> &str {
        &self.0.model
    }
    #[getter]
    fn stream(&self) -> bool {
        self.0.stream
    }
    #[getter]
    fn prompt_tokens(&self) -> u32 {
        self.0.prompt_tokens
    }
}

fn class_named(py: Python<'_>, name: &str) -> PyResult<QueryClass> {
    QueryClass::parse(name).ok_or_else(|| {
        let known = QueryClass::ALL.map(QueryClass::as_str).join(", ");
        invalid_field(py, format!("{name:?} is no query class: {known}"), "query_class")
    })
}

fn figure(py: Python<'_>, value: Option<i64>, param: &str) -> PyResult<Option<u32>> {
    match value {
        None => Ok(None),
        Some(value) if (0..=LARGEST_FIGURE).contains(&value) => Ok(u32::try_from(value).ok()),
        Some(value) => Err(invalid_field(
            py,
            format!("{param} is {value}; give a number from 0 to {LARGEST_FIGURE}"),
            param,
        )),
    }
}

fn short_enough(py: Python<'_>, value: Option<&String>, param: &str) -> PyResult<()> {
    let length = value.map_or(0, String::len);
    if length <= LONGEST_NAME {
        return Ok(());
    }
    let message = format!("{param} is {length} bytes long; names have at most {LONGEST_NAME}");
    Err(invalid_field(py, message, param))
}
