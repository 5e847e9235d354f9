//! Removes known secrets and token patterns from streams.
