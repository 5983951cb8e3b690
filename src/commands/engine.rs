//! Which engine the settings ask for.

use super::Failure;
use crate::config::settings::{EngineName, Settings};
use crate::engine::RemoteEngine;
use crate::outcome::Outcome;

/// The engine of the settings, if it is not the embedded one.
pub fn remote_engine(settings: &Settings) -> Result<Option<Box<dyn RemoteEngine>>, Failure> {
    match settings.engine {
        EngineName::Local => Ok(None),
        EngineName::Athena => Err(not_built(settings)),
        EngineName::Trino => Err(not_built(settings)),
    }
}

fn not_built(settings: &Settings) -> Failure {
    let message = format!("the engine `{}` is not built into this version of palisade; use `local`", settings.engine.name());
    Failure::new(Outcome::Usage, message)
}
