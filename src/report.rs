//! Reports: the model that they are made from, and one file per format.

pub mod amounts;
pub mod csv;
pub mod html;
pub mod impact;
pub mod json;
pub mod model;
pub mod parquet;
pub mod principal;
pub mod sarif;
pub mod summary;
pub mod terminal;
pub mod xlsx;
