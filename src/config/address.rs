//! Addresses of other servers, as an operator writes them.

use crate::text::shorten;

/// Whether `text` is `host`, `host:port` or `[IPv6]:port`, of characters that can't break out of
/// a SIP URI.
pub(super) fn is_host_port(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, rest)) => {
            if host.parse::<std::net::Ipv6Addr>().is_err() {
                return false;
            }
            match rest.strip_prefix(':') {
                None => return rest.is_empty(),
                Some(port) => ("v6", Some(port)),
            }
        }
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    let host_fits = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
    let port_fits = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
    host_fits && !host.is_empty() && !host.starts_with(['-', '.']) && port_fits
}

/// Checks the address of an HTTP server: `http://HOST[:PORT][/PATH]`.
///
/// # Errors
/// A clause that says what is wrong with it.
pub fn check_url(url: &str) -> Result<(), String> {
    let told = |what: &str| Err(format!("{:?} {what}", shorten(url)));
    let Some(rest) = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://")) else {
        return told("is no URL");
    };
    let host_port = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if host_port.contains('@') {
        return Err("a user or password must not stand in a URL, which is shown to others".into());
    }
    if !is_host_port(host_port) {
        return told("names no host, or no possible port");
    }
    if url.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(())
    } else {
        told("holds a space or a character that is not ASCII")
    }
}
