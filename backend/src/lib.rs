//! HTML pages, REST and event streams.
