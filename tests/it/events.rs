//! Events: whatever shape, wrapping, layout and age a record has, it becomes the same row.

mod cursor;
mod parquet;
mod shapes;
mod sources;
