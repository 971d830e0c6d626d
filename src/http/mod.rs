//! Every HTTP door: what proxies ask, what operators change, what monitors read.

mod client;
pub mod wire;

pub use client::{Client, ClientError};
