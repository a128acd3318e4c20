//! A plan as policies look at it: what is tried for one public model, and where the config says so.

use crate::config::diagnostics::Diagnostic;
use crate::config::pointer::Pointer;
use crate::table::{DeploymentId, Model, ModelId, Table};

use super::places::Places;

pub struct Plan<'t> {
    pub table: &'t Table,
    pub id: ModelId,
    pub model: &'t Model,
    /// What is tried; never empty.
    pub hops: Vec<DeploymentId>,
    places: &'t Places,
    /// Where the file says most of it.
    at: &'t Pointer,
}

impl<'t> Plan<'t> {
    /// The plans of all public models with a place.
    pub fn all(table: &'t Table, places: &'t Places) -> impl Iterator<Item = Self> {
        let models = table.models.iter().filter(|(_, model)| table.is_public(model));
        models.filter_map(move |(id, model)| {
            let hops = table.tried(id);
            let at = places.of(id).filter(|_| !hops.is_empty())?;
            Some(Self { table, id, model, hops, places, at })
        })
    }

    /// A finding about the whole.
    pub fn finding(&self, code: &'static str, message: String) -> Diagnostic {
        Diagnostic::warning(code, self.at, message).at_key().about(&self.model.name)
    }

    /// A finding about one hop: at the step that leads there, or else at the whole.
    pub fn finding_at(&self, hop: DeploymentId, code: &'static str, message: String) -> Diagnostic {
        match self.places.step(self.table, self.id, hop) {
            Some(at) => Diagnostic::warning(code, at, message).about(&self.model.name),
            None => self.finding(code, message),
        }
    }

    /// The model a hop serves; a passthrough serves the one asked for.
    pub fn served(&self, hop: DeploymentId) -> ModelId {
        self.table.deployments.get(hop).model.unwrap_or(self.id)
    }

    pub fn domain(&self, hop: DeploymentId) -> &'t str {
        &self.table.provider_of(hop).failure_domain
    }

    /// The model and provider of a hop.
    pub fn told(&self, hop: DeploymentId) -> String {
        let model = &self.table.models.get(self.served(hop)).name;
        format!("`{model}` on `{}`", self.table.provider_of(hop).id)
    }
}
