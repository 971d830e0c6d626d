//! Finding the daemon, its token, and the words for not finding them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use crate::config::{Mistake, Secret, TokenFile, admin_listen, admin_token};
use crate::http::wire::{Page, PageQuery};
use crate::http::{Client, ClientError};

use super::failure::Failure;
use super::screen::Screen;
use super::typed::{ConfigFile, Daemon, Limit};

/// Where a config file is looked for when none was named.
const PLACES: [&str; 2] = ["hallporter.toml", "/etc/hallporter/hallporter.toml"];
/// How many items are asked for at once.
const PAGE_ITEMS: u32 = 1000;

/// A daemon, and where its address and token were found, for the words when it refuses.
pub(super) struct Door {
    /// The way to it.
    pub(super) client: Client,
    url_from: String,
    token_from: String,
}

impl Door {
    /// Finds the daemon that the command line, the environment or a config file names.
    pub(super) fn find(daemon: &Daemon) -> Result<Self, Failure> {
        let (url, url_from) = match &daemon.url {
            Some(url) => (url.clone(), "--url or HALLPORTER_URL".to_owned()),
            None => {
                let path = config_path(&daemon.config)?;
                let listen = admin_listen(&path).map_err(|found| unusable(&path, &found))?;
                (url_of(listen), path.display().to_string())
            }
        };
        let (token, token_from) = match &daemon.token_file {
            Some(path) => (read_token(path)?, path.display().to_string()),
            None => {
                let path =
                    config_path(&daemon.config).map_err(|failure| no_token(daemon, failure))?;
                let token = admin_token(&path).map_err(|found| unusable(&path, &found))?;
                (token, format!("the admin_token_file of {}", path.display()))
            }
        };
        Ok(Self { client: Client::new(&url, token.expose())?, url_from, token_from })
    }

    /// What a failed request means to somebody who can do something about it.
    pub(super) fn explain(&self, error: ClientError) -> Failure {
        let refused = match &error {
            ClientError::Refused { status, .. } => *status,
            ClientError::Unreachable { url, cause } => {
                let url = url.trim_end_matches('/');
                return Failure::Unreachable(format!(
                    "the daemon can't be reached at {url} ({cause}; the address is from {}): start \
                     it with `hallporter serve -c FILE`, or point elsewhere with --url or -c",
                    self.url_from
                ));
            }
            ClientError::Answer { .. }
            | ClientError::Token
            | ClientError::Unanswered { .. }
            | ClientError::Url { .. } => 0,
        };
        if matches!(refused, 401 | 403) {
            return Failure::refused(format!(
                "{error} (the token is from {}; the daemon at the address from {} wants its admin \
                 token: name the right file with --token-file)",
                self.token_from, self.url_from
            ));
        }
        error.into()
    }

    /// Asks for pages until `limit` items are there or the list ends; says when there is more.
    pub(super) async fn collect<T>(
        &self,
        limit: Limit,
        screen: &mut Screen<'_>,
        fetch: impl AsyncFn(PageQuery) -> Result<Page<T>, ClientError>,
    ) -> Result<Vec<T>, Failure> {
        let wanted = limit.limit as usize;
        let mut items = Vec::new();
        let mut after = None;
        loop {
            let rest = (wanted - items.len()).min(PAGE_ITEMS as usize);
            let page = PageQuery { limit: Some(rest), after: after.clone() };
            let page = fetch(page).await.map_err(|error| self.explain(error))?;
            // A page may be empty in the middle of a list; one that leads to itself ends it.
            let stuck = page.next == after;
            items.extend(page.items);
            if page.next.is_none() || stuck {
                items.truncate(wanted);
                return Ok(items);
            }
            if items.len() >= wanted {
                items.truncate(wanted);
                screen.note(format_args!(
                    "there is more: this is the first {wanted}, --limit N shows N"
                ));
                return Ok(items);
            }
            after = page.next;
        }
    }
}

/// The config file that was named, or the first of the usual ones that is there.
pub(super) fn config_path(given: &ConfigFile) -> Result<PathBuf, Failure> {
    if let Some(path) = &given.config {
        return Ok(path.clone());
    }
    // One that can't be looked at is taken, so that reading it tells why.
    let found = PLACES.iter().map(Path::new).find(|path| path.try_exists().unwrap_or(true));
    found.map(Path::to_path_buf).ok_or_else(|| {
        Failure::refused(format!(
            "there is no config file ./{} and no {}: name one with -c FILE or HALLPORTER_CONFIG, \
             or make one with `hallporter init --dir DIR`",
            PLACES[0], PLACES[1]
        ))
    })
}

/// One sentence for mistakes that stand in the way.
pub(super) fn unusable(path: &Path, mistakes: &[Mistake]) -> Failure {
    let path = path.display();
    let first = mistakes.first().map(ToString::to_string).unwrap_or_default();
    Failure::refused(match mistakes {
        [Mistake { line: None, key, .. }] if key.is_empty() => {
            format!("config file {path}: {first}")
        }
        [_] => format!("config file {path}, {first}"),
        _ => format!(
            "config file {path} has {} mistakes, the first: {first} (see all with `hallporter check -c {path}`)",
            mistakes.len()
        ),
    })
}

fn no_token(daemon: &Daemon, failure: Failure) -> Failure {
    if daemon.url.is_none() {
        return failure;
    }
    Failure::refused(
        "it is said where the daemon is, but not with which token to ask: name the file with \
         --token-file FILE (admin.token beside the daemon's config file), or the config file with -c",
    )
}

fn read_token(path: &Path) -> Result<Secret, Failure> {
    let told = |what: &str| Failure::refused(format!("token file {} {what}", path.display()));
    let found = TokenFile::read(path).map_err(|error| {
        told(&format!("can't be read ({error}): name another one with --token-file"))
    })?;
    Secret::parse(&found.text).map_err(|what| told(&what))
}

/// The URL for a listening address. A daemon that listens everywhere is asked on loopback.
pub(super) fn url_of(listen: SocketAddr) -> String {
    let ip = match listen.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
    };
    format!("http://{}", SocketAddr::new(ip, listen.port()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_daemon_that_listens_everywhere_is_asked_here() {
        for (listen, url) in [
            ("0.0.0.0:8170", "http://127.0.0.1:8170"),
            ("[::]:1", "http://[::1]:1"),
            ("10.0.0.7:2", "http://10.0.0.7:2"),
        ] {
            assert_eq!(url_of(listen.parse().unwrap()), url);
        }
    }
}
