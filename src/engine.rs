//! Engines: where a statement runs. The same statement gives the same rows on each.
//!
//! [`local`] is the embedded engine over files. [`functions`] gives it the functions of the Athena dialect that it lacks, under
//! their names there; [`frame`] hands results over to polars.

pub mod frame;
pub mod functions;
pub mod local;
pub mod table;

/// Why a statement could not be answered.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error("{0}")]
    Statement(#[from] datafusion::error::DataFusionError),
    #[error("result of a statement: {0}")]
    Frame(#[from] polars::error::PolarsError),
    #[error("{0}")]
    Scan(#[from] crate::events::scan::ScanError),
    #[error("temporary file for event ids: {0}")]
    Spill(std::io::Error),
}
