//! What can be wrong with the settings.

use std::path::PathBuf;

/// Why nobody can be told, or no link be signed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file with the key can't be used.
    #[error(
        "the key file {path} {cause}: give it back, or remove it to have a new one made (links that are under way end then)"
    )]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong, as a clause.
        cause: String,
    },
    /// The token can't stand in a header.
    #[error("the webhook's token must be printable ASCII without spaces")]
    Token,
    /// The address is none. It is not shown: some have a secret in them.
    #[error(
        "the webhook's address is not usable: write https://HOST/PATH, a user's name and password not in it"
    )]
    Url,
    /// No client can be made on this machine.
    #[error("no HTTP client can be made ({0}): is the package ca-certificates installed?")]
    Client(String),
}
