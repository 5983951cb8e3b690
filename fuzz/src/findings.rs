//! Of the access findings what the inventory keeps.

mod merge;
pub mod model;
mod security_hub;
mod shapes;

pub use model::{AccessFinding, AccessFindings, Analyzer, Gap, Grantee, GranteeKind, Source, Status};
pub use shapes::{Added, Collector};
