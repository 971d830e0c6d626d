//! The tree, made flat.

use std::collections::BTreeMap;

use crate::domain::DeviceName;
use crate::import::sheet::{Conditions, Devices, Stage};
use crate::import::{List, Place, Unreadable, Wanted};

use super::both::{Both, both};
use super::place::Location;
use super::xml::Node;

/// The most cases.
const CASES_MAX: usize = 400;
/// The most nodes that are visited: subactions may use each other.
const STEPS_MAX: usize = 20_000;
/// How deep nodes and subactions may lead into each other.
const DEEP_MAX: usize = 150;

/// What happens, once all switches are decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Straight {
    /// Nothing more.
    End(Finish),
    /// These ring, and then it depends on how they have failed.
    Ring { stages: Vec<Stage>, busy: Box<Self>, no_answer: Box<Self>, failed: Box<Self> },
}

/// How it ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Finish {
    /// As if there were no script.
    Standard,
    /// The caller is told how it failed.
    Response,
    Mailbox,
    Reject(u16, Option<String>),
}

/// One way through the tree.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) when: Conditions,
    pub(super) straight: Straight,
    /// What leads there, from the top: a line each.
    pub(super) path: Vec<String>,
    /// What the innermost branch is called.
    pub(super) name: String,
    /// Where it is signalled what happens.
    pub(super) at: Place,
}

/// What is known at a node.
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    pub(super) locations: Vec<Location>,
    /// Whether locations were set.
    pub(super) touched: bool,
    /// Whether something rang.
    pub(super) signalled: bool,
    /// Whether it is known by now that a phone has registered.
    pub(super) found: bool,
    pub(super) deep: usize,
}

/// The cases below a node.
pub(super) type Cases = Result<Vec<Case>, Unreadable>;

/// A walk through the tree.
pub(super) struct Walk<'n> {
    pub(super) wanted: &'n Wanted,
    pub(super) list: List,
    pub(super) devices: Devices,
    pub(super) registered: DeviceName,
    pub(super) subactions: BTreeMap<&'n str, &'n Node>,
    steps: usize,
}

impl<'n> Walk<'n> {
    pub(super) fn new(wanted: &'n Wanted, devices: Devices, registered: DeviceName) -> Self {
        let (list, subactions) = (List::default(), BTreeMap::new());
        Self { wanted, list, devices, registered, subactions, steps: 0 }
    }

    /// What stands in an output: its first node.
    pub(super) fn action(&mut self, output: Option<&'n Node>, state: State) -> Cases {
        let mut nodes = output.into_iter().flat_map(|output| &output.children);
        let first = nodes.next();
        if let Some(second) = nodes.next() {
            let instead = "an output leads to one node; what stands behind the first is left out";
            self.list.add(second.at, second.shown(), instead);
        }
        self.node(first, state)
    }

    fn node(&mut self, node: Option<&'n Node>, mut state: State) -> Cases {
        let Some(node) = node else { return Ok(vec![self.unspecified(&state)]) };
        self.steps += 1;
        state.deep += 1;
        if self.steps > STEPS_MAX {
            return Err(Unreadable::TooMuch("its subactions lead through too many nodes"));
        }
        if state.deep > DEEP_MAX {
            return Err(Unreadable::TooMuch("its nodes lead too deep into each other"));
        }
        match node.name.as_str() {
            "address-switch" => self.switch(node, &state, Self::address),
            "time-switch" => self.switch(node, &state, Self::period),
            "string-switch" | "language-switch" => self.unknown_switch(node, state),
            "priority-switch" => self.priority_switch(node, state),
            "location" => {
                self.location(node, &mut state);
                self.action(Some(node), state)
            }
            "remove-location" => {
                self.remove_location(node, &mut state);
                self.action(Some(node), state)
            }
            "lookup" => self.lookup(node, state),
            "proxy" => self.proxy(node, &state),
            "redirect" => Ok(vec![self.redirect(node, &state)]),
            "reject" => Ok(vec![self.reject(node)]),
            "log" => {
                let instead = "`why CALL-ID` tells what was decided, and why";
                self.list.add(node.at, node.shown(), instead);
                self.action(Some(node), state)
            }
            "mail" => {
                let instead = "no mail is sent: webhooks tell of missed calls and messages (docs/webhooks.md)";
                self.list.add(node.at, node.shown(), instead);
                self.action(Some(node), state)
            }
            "sub" => {
                let found = node.get("ref").and_then(|id| self.subactions.get(id).copied());
                if found.is_none() {
                    let instead =
                        "there is no such subaction; the call goes on as if nothing stood here";
                    self.list.add(node.at, node.shown(), instead);
                }
                self.action(found, state)
            }
            _ => {
                let instead = "is no node of RFC 3880; the call goes on as if nothing stood here";
                self.list.add(node.at, node.shown(), instead);
                Ok(vec![self.unspecified(&state)])
            }
        }
    }

    /// A switch: its branches one after the other, `otherwise` the last.
    fn switch(
        &mut self,
        node: &'n Node,
        state: &State,
        conditions: fn(&mut Self, &Node, &Node) -> Option<Vec<Conditions>>,
    ) -> Cases {
        let mut cases = Vec::new();
        let is_otherwise = |branch: &&Node| branch.name == "otherwise";
        for branch in node.children.iter().filter(|branch| !is_otherwise(branch)) {
            let Some(ways) = conditions(self, node, branch) else { continue };
            let below = self.branch(branch, state)?;
            for way in ways {
                self.join(branch, &way, &below, &mut cases)?;
            }
        }
        match node.children.iter().find(is_otherwise) {
            Some(otherwise) => cases.extend(self.branch(otherwise, state)?),
            None => cases.push(self.unspecified(state)),
        }
        enough(&cases)?;
        Ok(cases)
    }

    fn branch(&mut self, branch: &'n Node, state: &State) -> Cases {
        let mut below = self.action(Some(branch), state.clone())?;
        for case in &mut below {
            case.path.insert(0, format!("line {}: {}", branch.at.line, branch.shown()));
            if case.name.is_empty() {
                case.name = label(branch);
            }
        }
        Ok(below)
    }

    /// Puts a condition above cases.
    pub(super) fn join(
        &mut self,
        branch: &Node,
        way: &Conditions,
        below: &[Case],
        cases: &mut Vec<Case>,
    ) -> Result<(), Unreadable> {
        for case in below {
            match both(way, &case.when) {
                Both::Fits(when) => cases.push(Case { when: *when, ..case.clone() }),
                Both::Never => {}
                Both::Unsayable(why) => {
                    let what =
                        format!("{} together with: {}", branch.shown(), case.path.join("; "));
                    let instead = format!("{why}; such calls go on to the rules behind it");
                    self.list.add(branch.at, crate::text::shorten(&what), instead);
                }
            }
        }
        enough(cases)
    }

    /// What a caller may ask that rules do not know: as if he had not.
    fn unknown_switch(&mut self, node: &'n Node, state: State) -> Cases {
        let taken = |name: &str| node.children.iter().find(|branch| branch.name == name);
        let taken = taken("not-present").or_else(|| taken("otherwise"));
        for branch in &node.children {
            if !matches!(branch.name.as_str(), "not-present" | "otherwise") {
                let instead = format!(
                    "rules do not ask for it; calls are taken as if {} said nothing of it",
                    if node.name == "language-switch" { "the caller" } else { "the request" }
                );
                self.list.add(branch.at, format!("{}, {}", node.shown(), branch.shown()), instead);
            }
        }
        self.action(taken, state)
    }

    /// Calls are normal: nobody else's priority is believed.
    fn priority_switch(&mut self, node: &'n Node, state: State) -> Cases {
        let level = |text: &str| {
            let known = ["non-urgent", "normal", "urgent", "emergency"];
            known.iter().position(|known| known.eq_ignore_ascii_case(text))
        };
        let is_normal = |branch: &&Node| {
            let says = |key: &str| branch.get(key).and_then(level);
            branch.name == "priority"
                && (says("less").is_some_and(|other| 1 < other)
                    || says("greater").is_some_and(|other| 1 > other)
                    || says("equal") == Some(1))
        };
        let instead = "rules do not ask for it; every call is taken to be of normal priority";
        self.list.add(node.at, node.shown(), instead);
        let otherwise = node.children.iter().find(|branch| branch.name == "otherwise");
        self.action(node.children.iter().find(is_normal).or(otherwise), state)
    }

    /// Nothing is said: what was begun is brought to its end.
    pub(super) fn unspecified(&mut self, state: &State) -> Case {
        let straight = match (state.signalled, state.touched) {
            (true, _) => Straight::End(Finish::Response),
            (false, true) => self.ring_all(&state.locations, None),
            (false, false) => {
                let stages = vec![Stage::of(vec![self.registered.clone()], None)];
                ring(stages, &Straight::End(Finish::Standard))
            }
        };
        let (path, name, at) = (Vec::new(), String::new(), Place { line: 1, column: 1 });
        Case { when: Conditions::default(), straight, path, name, at }
    }
}

/// Something rings, and it goes on the same way however it fails.
pub(super) fn ring(stages: Vec<Stage>, then: &Straight) -> Straight {
    let then = || Box::new(then.clone());
    Straight::Ring { stages, busy: then(), no_answer: then(), failed: then() }
}

pub(super) fn enough(cases: &[Case]) -> Result<(), Unreadable> {
    if cases.len() > CASES_MAX {
        return Err(Unreadable::TooMuch("there are too many ways through the script"));
    }
    Ok(())
}

/// What a rule is called after.
fn label(branch: &Node) -> String {
    let value =
        ["is", "contains", "subdomain-of", "dtstart"].into_iter().find_map(|key| branch.get(key));
    let line = branch.at.line;
    match value {
        Some(value) => format!("line {line}: {}", crate::text::shorten(value)),
        None => format!("line {line}: {}", branch.name),
    }
}
