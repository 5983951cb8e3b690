//! Which engine the settings ask for.

use super::Failure;
use super::run::block_on;
use crate::config::settings::{EngineName, Settings};
use crate::engine::RemoteEngine;
use crate::engine::trino::{Options, TrinoEngine};
use crate::outcome::Outcome;

/// The engine of the settings, if it is not the embedded one.
pub fn remote_engine(settings: &Settings) -> Result<Option<Box<dyn RemoteEngine>>, Failure> {
    match settings.engine {
        EngineName::Local => Ok(None),
        EngineName::Athena => Ok(Some(Box::new(super::athena::connect(settings)?))),
        EngineName::Trino => Ok(Some(Box::new(trino(settings)?))),
    }
}

/// The cluster of the settings, with its tables looked up.
fn trino(settings: &Settings) -> Result<TrinoEngine, Failure> {
    let connection = settings.trino.connection(&|name| std::env::var(name).ok()).map_err(Failure::usage)?;
    let options =
        Options { prefix_segments: usize::from(settings.activity_prefix_depth), concurrency: settings.trino.concurrency };
    block_on(TrinoEngine::connect_laid_out(connection, &settings.trino.tables, &settings.table_layouts, options))?
        .map_err(|error| Failure::new(Outcome::Usage, format!("trino: {error}")))
}
