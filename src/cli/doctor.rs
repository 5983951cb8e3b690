//! `palisade doctor`.

use std::path::PathBuf;

use clap::Args;

use super::Listing;

/// Check that everything is there that a run needs
///
/// Looks at settings, perimeter definition, inventory and events; then, if the settings name AWS, at credentials, workgroup, tables, the
/// folders of the trail, the AWS Config aggregator and analyzers. Says what was seen and what to do. Changes nothing.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  palisade doctor --config palisade.yaml
  palisade doctor --config palisade.yaml --offline
  palisade doctor --format json > checks.json

Exit code 7 when a check fails.")]
pub struct DoctorArgs {
    /// Ask nothing of AWS
    #[arg(long)]
    pub offline: bool,

    /// Do not read the events: leaves out what kinds of events they hold
    #[arg(long)]
    pub without_events: bool,

    /// CloudTrail file, folder or glob. Repeat for more [env: PALISADE_EVENTS]
    #[arg(long, value_name = "PATH")]
    pub events: Vec<String>,

    /// Folder of the inventory snapshot [env: PALISADE_INVENTORY]
    #[arg(long, value_name = "FOLDER")]
    pub inventory: Option<PathBuf>,

    /// Form of the checks
    #[arg(long, value_name = "FORM", value_enum, default_value_t)]
    pub format: Listing,
}
