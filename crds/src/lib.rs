//! The API kinds of Ambient, their labels, conditions and validation.
