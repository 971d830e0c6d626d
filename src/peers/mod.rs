//! The way between nodes: one UDP port, QUIC with TLS 1.3 in which both sides show a certificate of
//! the cluster. `serve` does not use it yet: a node alone has nobody to talk to.

mod authority;
mod credentials;
mod frame;
mod identity;
mod pem;
mod refusal;
mod token;
mod trust;

pub use authority::{Authority, AuthorityError, Fingerprint, NODE_GOOD_S, PublicKey};
pub use credentials::{Credentials, Issued, Newcomer, RENEW_BEFORE_S};
pub use frame::{
    BODY_BYTES_MAX, FRAME_VERSION, FrameError, FrameReader, Framed, HEAD_BYTES, Kind, framed,
};
pub use identity::{Identity, IdentityError, NAME_BYTES_MAX};
pub use refusal::Refusal;
pub use token::{Denied, InviteError, Request, Roll, TOKEN_GOOD_S, TOKENS_MAX, Token, TokenError};
