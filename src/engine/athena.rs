//! Athena: the scan of an organization's trail where it lies.
//!
//! [`batch`] decides which accounts share a statement, [`parameters`] makes it fit, [`ledger`] writes down what is started, [`runner`]
//! takes each statement to its end over the few operations of [`service`], [`results`] fetches what came of it, and [`cost`] says
//! what that costs.

pub mod batch;
pub mod cost;
pub mod ledger;
pub mod parameters;
pub mod results;
pub mod runner;
pub mod service;
