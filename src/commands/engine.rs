//! Which engine the settings ask for.

use super::output::Terminal;
use super::run::block_on;
use super::{Failure, athena};
use crate::config::settings::{EngineName, Settings};
use crate::engine::RemoteEngine;
use crate::engine::trino::{Options, TrinoEngine};
use crate::outcome::Outcome;

/// The engine of the settings, connected, if it is not the embedded one.
///
/// # Errors
/// When the settings lack something, or the server refuses.
pub fn remote_engine(settings: &Settings, terminal: &Terminal) -> Result<Option<Box<dyn RemoteEngine>>, Failure> {
    let prefix_segments = usize::from(settings.activity_prefix_depth);
    match settings.engine {
        EngineName::Local => Ok(None),
        EngineName::Athena => {
            // Statements are written down before they start, beside what they collect.
            let folder = settings.activity_folder().join(".statements");
            let engine = block_on(athena::connect(settings, &folder, prefix_segments, false, terminal))??;
            Ok(Some(Box::new(engine)))
        }
        EngineName::Trino => Ok(Some(Box::new(trino(settings, prefix_segments)?))),
    }
}

/// The cluster of the settings, with its tables looked up.
fn trino(settings: &Settings, prefix_segments: usize) -> Result<TrinoEngine, Failure> {
    let connection = settings.trino.connection(&|name| std::env::var(name).ok()).map_err(Failure::usage)?;
    let options = Options { prefix_segments, concurrency: settings.trino.concurrency };
    block_on(TrinoEngine::connect(connection, &settings.trino.tables, options))?
        .map_err(|error| Failure::new(Outcome::Usage, format!("trino: {error}")))
}
