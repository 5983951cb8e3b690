//! AWS: sessions with their credentials, and every call that is made of it.
//!
//! [`Sessions`] gives one [`Session`] per purpose, from the section `aws` of the settings. [`Session::call`] makes a call: it names
//! its row of [`calls`], renews credentials that expired in the middle, and turns what went wrong into an [`AwsError`] that says
//! what to do about it. Throttling, passing faults and clocks that differ are handled by the SDK below it.

pub mod calls;
pub mod endpoint;
pub mod error;
pub mod objects;
pub mod session;

pub use calls::Call;
pub use endpoint::EndpointError;
pub use error::{AwsError, Kind};
pub use session::{Identity, Pages, Session, Sessions};

pub use crate::config::settings::aws::{AwsSettings, Purpose, Role, SessionSettings};
