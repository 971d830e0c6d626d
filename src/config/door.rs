//! Typed to checked: the section about the HTTP door, with the tokens that open it.

use std::net::SocketAddr;
use std::path::Path;

use crate::text::shorten;

use super::access::Check;
use super::file::Typed;
use super::mistake::Mistake;
use super::token::Secret;
use super::{Http, ReadToken};

/// Reads and checks where the daemon listens.
pub(super) fn admin_listen(
    text: &str,
    base_dir: &Path,
    read_token: ReadToken<'_>,
) -> Result<SocketAddr, Vec<Mistake>> {
    let mut check = Check { typed: Typed::read(text), base_dir, read_token };
    let listen = check.listen();
    only(check, "http.listen", listen)
}

/// Reads and checks the operators' token.
pub(super) fn admin_token(
    text: &str,
    base_dir: &Path,
    read_token: ReadToken<'_>,
) -> Result<Secret, Vec<Mistake>> {
    let mut check = Check { typed: Typed::read(text), base_dir, read_token };
    let token = check.token("admin_token_file");
    only(check, "http.admin_token_file", token)
}

/// What was read for one key, or the mistakes about it and about the file as a whole.
fn only<T>(check: Check<'_>, key: &str, read: Option<T>) -> Result<T, Vec<Mistake>> {
    let (_, mut mistakes) = check.finish();
    mistakes.retain(|known| known.key.is_empty() || known.key == key);
    read.filter(|_| mistakes.is_empty()).ok_or(mistakes)
}

impl Check<'_> {
    /// All of the section.
    pub(super) fn http(&mut self) -> Option<Http> {
        let listen = self.listen();
        if let Some(listen) = listen {
            self.warn_about(listen);
        }
        let route_token = self.token("route_token_file");
        let admin_token = self.token("admin_token_file");
        if route_token.is_some() && route_token == admin_token {
            self.wrong(
                "http",
                0,
                "admin_token_file",
                "holds the same token as http.route_token_file",
                Some("give operators another one, else every proxy may change accounts"),
            );
        }
        if let Some(token) = &route_token
            && !token
                .as_bytes()
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte))
        {
            let what = "the token holds other characters than A-Z a-z 0-9 - _, which Kamailio's \
                        settings can't carry: make another one, such as `openssl rand -hex 32` does";
            self.doubt("http", "route_token_file", what.to_owned());
        }
        let drain = self.duration("http", "drain");
        Some(Http { listen: listen?, route_token: route_token?, admin_token: admin_token?, drain })
    }

    fn listen(&mut self) -> Option<SocketAddr> {
        let text = self.text("http", "listen");
        let wrong = |_| format!("{:?} is not an address with a port", shorten(&text));
        let hint = "write IP:PORT, such as \"127.0.0.1:8170\" or \"[::1]:8170\"";
        let parsed = text.parse().map_err(wrong);
        parsed.map_err(|what| self.wrong("http", 0, "listen", what, Some(hint))).ok()
    }

    fn warn_about(&mut self, listen: SocketAddr) {
        if !listen.ip().is_loopback() {
            self.doubt(
                "http",
                "listen",
                format!(
                    "{listen} can be reached from other machines, and tokens and callers' numbers \
                     cross the network unencrypted: listen on 127.0.0.1, or keep this network closed"
                ),
            );
        }
        if listen.port() == 0 {
            let what = "port 0 is another port after every start, which neither proxies nor the \
                        command line can know: name one";
            self.doubt("http", "listen", what.to_owned());
        }
    }

    fn token(&mut self, key: &'static str) -> Option<Secret> {
        self.secret("http", 0, key, "token", Secret::parse)
    }
}
