//! External-access findings: whom from outside the resources of the organization let in, as IAM Access Analyzer found it.
//!
//! [`Collector`] takes what Access Analyzer (both versions of its interface) and Security Hub tell, row by row, whatever file it was
//! saved in; [`AccessFindings`] is what is left once the same finding of several pages, regions and sources is told once. What a
//! finding does not tell (an analysis that failed, details that nobody asked for, a list that was cut) is kept as a [`Gap`]: such a
//! finding lets in *someone*. [`usage`] joins them with recorded calls. Pure: takes JSON values and frames, returns data.

pub mod coverage;
mod merge;
pub mod model;
pub mod operation;
mod security_hub;
mod shapes;
pub mod usage;

pub use model::{AccessFinding, AccessFindings, Analyzer, Gap, Grantee, GranteeKind, Source, Status};
pub use shapes::{Added, Collector};
