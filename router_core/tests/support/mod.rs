//! What the tests of the walk and of the router share: a table from JSON, and the plainest request.

use std::sync::Arc;

use router_core::config::compile;
use router_core::facts::Facts;
use router_core::table::Table;
use serde_json::Value;

pub fn table(config: &Value) -> Arc<Table> {
    match compile(config.to_string().as_bytes()) {
        Ok(table) => Arc::new(table),
        Err(found) => panic!("the config of the test has errors: {found:?}"),
    }
}

pub fn asking(model: &str) -> Facts {
    Facts { model: model.to_owned(), batch_size: 1, ..Facts::default() }
}
