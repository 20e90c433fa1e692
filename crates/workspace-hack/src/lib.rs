//! Nothing: a list of dependencies with the features that all builds of the workspace share, so that
//! they share what is compiled. See `Cargo.toml`.
