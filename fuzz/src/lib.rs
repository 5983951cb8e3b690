//! The policy library on its own, for the fuzz targets.

pub mod policy;
