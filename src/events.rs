//! Events: the relation that every source is mapped to, and the sources that lie in files.
//!
//! [`files`] finds the files and prunes them by their path, [`s3`] the objects of a bucket; [`reader`] takes a file apart into
//! records, with [`gzip`] below it; [`record`] reads one record in place, with [`json`] below it; [`rows`] turns records into columns of the relation that [`schema`] defines;
//! [`parquet`] does the same for exported tables; [`duplicates`] and [`coverage`] watch; [`scan`] puts them together.

pub mod coverage;
pub mod duplicates;
pub mod files;
pub mod gzip;
pub mod json;
pub mod parquet;
pub mod reader;
pub mod record;
pub mod rows;
pub mod s3;
pub mod samples;
pub mod scan;
pub mod schema;
pub mod time;
