//! Of the reports only their model, which names the verdicts.

pub mod amounts;
pub mod impact;
pub mod model;
