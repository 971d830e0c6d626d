//! hallporter decides beside Kamailio and FreeSWITCH who may call and who rings.
//!
//! Arrows point down only (`tests/tidy.rs` holds them):
//!
//! ```text
//! main ─► cli ─► http::client ══(network)══► http::admin
//!          └──► serve ─► kamailio  freeswitch  media  bucket  notify  store  peers  http   SHELL
//! ═══════════════════════════ glass door ═══════════════════════
//!                       desk                                               CORE
//!   registry   import   admission   sessions   routing   messages   cluster
//!    └─► rules ◄─┘
//!                      domain    text
//! ```

pub mod admission;
pub mod bucket;
pub mod cli;
pub mod cluster;
pub mod config;
pub mod desk;
pub mod domain;
pub mod freeswitch;
pub mod http;
pub mod import;
pub mod kamailio;
pub mod media;
pub mod messages;
pub mod notify;
pub mod peers;
pub mod registry;
pub mod routing;
pub mod rules;
pub mod serve;
pub mod sessions;
pub mod store;
pub mod text;
