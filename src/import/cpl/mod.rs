//! CPL (RFC 3880): a tree of switches, whose leaves are signalling.
//!
//! The tree is first made flat ([`flat`]): a list of cases, each with everything that has to hold
//! on the way to it. A switch takes its first branch that matches and every branch ends in
//! something, so the order of the cases says what earlier branches have taken, and the first that
//! matches is the one the tree would have come to. Then each case is written as rules ([`emit`]).

mod both;
mod emit;
mod flat;
mod period;
mod place;
mod proxy;
mod spread;
mod time;
mod who;
mod xml;

use super::sheet::{ANY_ACCOUNT, Devices, Reached};
use super::{Fault, Imported, Unreadable, Wanted, write};

use flat::{State, Walk};
use xml::Node;

/// Where the account's phones register, when nobody has said it.
const ANY_AOR: &str = "sip:USER@DOMAIN";
/// The most subactions that are known.
const SUBACTIONS_MAX: usize = 500;

/// Reads a CPL script.
///
/// # Errors
/// [`Unreadable`] when it is no CPL, or comes to more than an account's rules can hold.
pub fn read_cpl(text: &str, wanted: &Wanted) -> Result<Imported, Unreadable> {
    let root = xml::read(text)?;
    if root.name != "cpl" {
        let what = format!(
            "the script begins with <{}>, not with <cpl>",
            crate::text::shorten(&root.name)
        );
        let (line, column) = (root.at.line, root.at.column);
        return Err(Unreadable::Source(vec![Fault { file: None, line, column, what }]));
    }
    let mut devices = Devices::default();
    let aor = wanted.aor.as_ref().map_or(ANY_AOR, |aor| aor.as_str());
    let reached = Reached { by: "aor", target: aor.to_owned() };
    let registered = devices.name(reached, "registered", "phones");
    let mut walk = Walk::new(wanted, devices, registered);
    let incoming = outline(&mut walk, &root);
    let cases = walk.action(incoming, State::default())?;
    let Walk { mut list, devices, .. } = walk;
    let mut drafts = emit::rules(cases, &mut list);
    let account = wanted.account.as_ref().map_or(ANY_ACCOUNT, |account| account.as_str());
    let made = devices.done(account, &drafts);
    if wanted.aor.is_none() && made.iter().any(|device| device.target == ANY_AOR) {
        let what = "the registration of the account's phones";
        let instead = "a script does not say its address of record: put it in place of USER@DOMAIN, or give --aor";
        list.add(root.at, what, instead);
    }
    let title = format!("Rules of the account {account}, from a CPL script.");
    let text = write::text(&title, &made, &mut drafts)?;
    let not_carried = list.done();
    Ok(Imported {
        account: account.to_owned(),
        source: "CPL script".to_owned(),
        number: None,
        text,
        devices: made,
        not_carried,
    })
}

/// Notes the subactions, and what is no business of rules; the incoming action, if there is one.
fn outline<'n>(walk: &mut Walk<'n>, root: &'n Node) -> Option<&'n Node> {
    let mut incoming = None;
    for node in &root.children {
        match node.name.as_str() {
            "subaction" if walk.subactions.len() >= SUBACTIONS_MAX => {
                walk.list.add(node.at, "subaction", "there are too many; it is left out");
            }
            "subaction" => match node.get("id") {
                Some(id) => {
                    if walk.subactions.insert(id, node).is_some() {
                        let instead = "another one has this id; the later one counts";
                        walk.list.add(node.at, node.shown(), instead);
                    }
                }
                None => walk.list.add(node.at, "subaction", "has no id, so nothing can use it"),
            },
            "incoming" if incoming.is_none() => incoming = Some(node),
            "incoming" => walk.list.add(node.at, "incoming", "is there twice; the first counts"),
            "outgoing" => {
                let instead = "rules are for calls to the account: what it may call is the proxy's business, how many calls it may have is `account set`";
                walk.list.add(node.at, "outgoing", instead);
            }
            "ancillary" if node.children.is_empty() => {}
            _ => {
                let instead = "is no part of RFC 3880 that says who rings; it is left out";
                walk.list.add(node.at, node.shown(), instead);
            }
        }
    }
    if incoming.is_none() {
        let instead =
            "the script says nothing about calls to the account: its registered phones ring";
        walk.list.add(root.at, "incoming", instead);
    }
    incoming
}
