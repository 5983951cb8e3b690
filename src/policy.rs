//! The policy engine: IAM policies, read, checked and evaluated. It knows nothing of logs, files or AWS clients.
//!
//! 1. [`json`] and [`document`] read a policy and keep the place of everything in it; [`diagnostic`] shows what is wrong.
//! 2. [`compiled`] makes a [`compiled::Policy`] of it once: [`pattern`], [`template`], [`condition`], [`principal`].
//! 3. [`request`] and [`context`] say what is asked, and what is known, absent or unknown of each condition key.
//! 4. [`layers`] puts the policies of all types together; [`verdict`] answers: denied, not denied, or not to be told, with every
//!    statement that matched and the keys that would settle it.
//! 5. [`check`] says what a policy of one type may not contain, and what in it cannot mean what it says.
//! 6. [`case`] is the format in which one request with its policies is written down.

pub mod applicability;
pub mod case;
pub mod check;
pub mod classes;
pub mod codes;
pub mod compiled;
pub mod condition;
pub mod context;
pub mod diagnostic;
pub mod document;
pub mod global_keys;
pub mod json;
pub mod layers;
pub mod operator;
pub mod pattern;
pub mod principal;
pub mod questions;
pub mod read;
pub mod request;
pub mod residual;
pub mod suggest;
pub mod summary;
pub mod suppose;
pub mod template;
pub mod truth;
pub mod value;
pub mod verdict;
