//! Palisade: the dry run for an AWS data perimeter.
//!
//! The way data flows, and where to find it:
//!
//! 1. [`events`] maps CloudTrail files to one relation, `events`, whatever their layout, format and age.
//! 2. [`catalog`] holds the named queries: documents of front matter and SQL in the Athena dialect over that relation.
//!    [`activity`] rolls them up into distinct request contexts, so that much can be asked for one scan.
//! 3. [`engine`] runs a statement, the embedded engine over files.
//! 4. [`inventory`] knows what exists: accounts, roles, VPC endpoints, buckets, from a snapshot folder.
//! 5. [`config`] reads what the user wrote: the settings and the perimeter definition, which says who and what is trusted.
//! 6. [`enrich`] joins the rows of a query with both and judges them. What nobody can tell is undetermined, never left out.
//! 7. [`report`] shows findings; it reads the report model only. [`run`] keeps them in a folder.
//!
//! Beside them stands [`policy`], a pure library: IAM policy documents, checked and evaluated with three-valued truth. It knows
//! nothing of CloudTrail.
//!
//! [`setup`] makes what AWS needs beforehand: tables on Athena, and permissions. [`doctor`] checks that everything is there.
//!
//! [`commands`] puts these together, one file per subcommand that [`cli`] defines, and ends in an [`outcome`]. [`sample`] makes an
//! organization to try all of it on.

pub mod activity;
pub mod aws;
pub mod catalog;
pub mod cli;
pub mod commands;
pub mod config;
pub mod doctor;
pub mod engine;
pub mod enrich;
pub mod events;
pub mod inventory;
pub mod outcome;
pub mod pattern;
pub mod policy;
pub mod replay;
pub mod report;
pub mod run;
pub mod sample;
pub mod setup;
