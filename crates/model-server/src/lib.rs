//! Scripted model APIs on loopback, for the demo and tests.
