//! The way between nodes: one UDP port, QUIC with TLS 1.3 in which both sides show a certificate of
//! the cluster. `serve` begins to use it when there is a cluster.
//!
//! - Papers: [`Authority`] makes certificates, [`Credentials`] are what a node has, [`Roll`] says
//!   who is in the cluster and who may come with which [`Token`]; [`join()`] brings a newcomer in.
//! - The way: [`Endpoint`] keeps one connection with each peer. Datagrams are for who is there
//!   ([`crate::cluster::Membership`]), frames in three [`Lane`]s for rows and the ledger.
//!
//! - Files: whole ones, by their content, from the [`Shelf`] of one node to that of another; in streams of
//!   their own that give way to everything else.
//!
//! What is sent can be lost: a datagram always, a frame with its connection. Nothing waits without
//! a limit: a datagram that can't go at once is dropped and counted, a frame that finds its lane
//! full is given back ([`SendError::Full`]), and an owner that does not fetch its events
//! ([`EVENTS_MAX`]) stops the streams of its peers. In all three cases marks are compared and what
//! is missing is told again.
//!
//! Whoever has no certificate of the cluster's authority comes as far as the handshake: refused
//! with one line (now and then, with a count) and a counter for each [`Refusal`]. Papers can be
//! changed while it runs; connections that are there go on. A key is changed by joining anew.

mod agreement;
mod authority;
mod book;
mod call;
mod credentials;
mod endpoint;
mod events;
mod files;
mod frame;
mod identity;
mod join;
mod link;
mod pem;
mod refusal;
mod roll;
mod settings;
mod shelf;
mod socket;
#[cfg(test)]
mod tests;
mod tls;
mod token;
mod trust;

pub use crate::domain::{Denied, InviteError, TOKENS_MAX};
pub use agreement::{
    Agreed, Agreement, AgreementSettings, Agrees, Arrival, Carried, CarryError, Disk, Hall, Kept,
    MOTION_BYTES_MAX, PROPOSALS_MAX, Packed, ProposeError, Standing, Way, Whole,
};
pub use authority::{Authority, AuthorityError, Fingerprint, NODE_GOOD_S, PublicKey};
pub use credentials::{Credentials, Issued, Newcomer, RENEW_BEFORE_S};
pub use endpoint::{Endpoint, EndpointError, Own};
pub use events::{EVENTS_MAX, Events};
pub use files::{FILE_BYTES_MAX, FILES_AT_ONCE, FileError};
pub use frame::{
    BODY_BYTES_MAX, FRAME_VERSION, FrameError, FrameReader, Framed, HEAD_BYTES, Kind, framed,
};
pub use identity::{Identity, IdentityError, NAME_BYTES_MAX};
pub use join::{JoinError, join};
pub use refusal::Refusal;
pub use roll::Roll;
pub use settings::{
    Asked, Clock, Event, Figures, HANDSHAKES_MAX, Lane, Peer, SendError, Settings, Side,
    redial_after_ms,
};
pub use shelf::{Shelf, Shelved, Unkept};
pub use token::{Request, TOKEN_GOOD_S, Token, TokenError, secret_hash};
