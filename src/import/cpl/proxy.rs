//! Signalling: `proxy`, `redirect`, `reject`.

use crate::domain::RING_S_MAX;
use crate::import::Unreadable;
use crate::import::sheet::{Conditions, Stage};

use super::both::{Both, both};
use super::flat::{Case, Cases, Finish, State, Straight, Walk, enough, ring};
use super::place::{Goes, Location, devices};
use super::xml::Node;

/// How long a `proxy` rings that says nothing and has an output for nobody answering.
const PROXY_RING_S: u16 = 20;
/// How long a call rings where the script sends it elsewhere: as long as it can.
const REDIRECT_RING_S: u16 = 300;

impl<'n> Walk<'n> {
    /// `proxy timeout=… recurse=… ordering=…`
    pub(super) fn proxy(&mut self, node: &'n Node, state: &State) -> Cases {
        let output = |name: &str| node.children.iter().find(|output| output.name == name);
        let or_default = |name: &str| output(name).or_else(|| output("default"));
        let outputs = [or_default("busy"), or_default("noanswer"), or_default("failure")];
        self.redirection(node, output("redirection"));
        let ring_s = self.timeout(node, outputs[1].is_some());
        let stages = self.stages(node, &state.locations, ring_s);
        let mailbox = state.locations.iter().any(|location| location.goes_to == Goes::Mailbox);
        let path = format!("line {}: {}", node.at.line, node.shown());
        if mailbox {
            if !stages.is_empty() {
                let instead = "the mailbox is among those that ring; it takes the call when the others have not";
                self.list.add(node.at, node.shown(), instead);
            }
            let end = Straight::End(Finish::Mailbox);
            let straight = if stages.is_empty() { end } else { ring(stages, &end) };
            return Ok(vec![Case {
                straight,
                path: vec![path],
                at: node.at,
                ..self.unspecified(state)
            }]);
        }
        let after =
            State { locations: Vec::new(), touched: true, signalled: true, ..state.clone() };
        let mut cases = if stages.is_empty() {
            // With nowhere to go, it fails at once.
            self.action(outputs[2], after)?
        } else {
            let mut cases = self.nobody_there(state, &stages, outputs[2], &after)?;
            cases.extend(self.outcomes(node, stages, outputs, &after)?);
            cases
        };
        for case in &mut cases {
            case.path.insert(0, path.clone());
            case.at = node.at;
        }
        Ok(cases)
    }

    fn redirection(&mut self, node: &Node, output: Option<&'n Node>) {
        if let Some(output) = output {
            let instead = "a phone that sends a call elsewhere has not answered; what stands here is left out";
            self.list.add(output.at, "proxy, redirection", instead);
        }
        if node.get("recurse") == Some("no") {
            let what = "proxy recurse=\"no\"";
            self.list.add(
                node.at,
                what,
                "the proxy decides whether it follows a phone that sends a call elsewhere",
            );
        }
    }

    fn timeout(&mut self, node: &Node, has_no_answer: bool) -> Option<u16> {
        let Some(text) = node.get("timeout") else {
            return has_no_answer.then_some(PROXY_RING_S);
        };
        match text.parse::<u32>() {
            Ok(ring_s @ 1..) => {
                let taken = u16::try_from(ring_s).unwrap_or(u16::MAX).min(RING_S_MAX);
                if u32::from(taken) != ring_s {
                    let instead = format!("a stage rings {RING_S_MAX} s at the most");
                    self.list.add(node.at, node.shown(), instead);
                }
                Some(taken)
            }
            Ok(0) | Err(_) => {
                let instead =
                    format!("its timeout is no number of seconds; it rings {PROXY_RING_S} s");
                self.list.add(node.at, node.shown(), instead);
                Some(PROXY_RING_S)
            }
        }
    }

    fn stages(&mut self, node: &Node, locations: &[Location], ring_s: Option<u16>) -> Vec<Stage> {
        let mut locations = locations.to_vec();
        let ordering = node.get("ordering").unwrap_or("parallel");
        if ordering != "parallel" {
            locations.sort_by_key(|location| std::cmp::Reverse(location.priority));
        }
        let names = devices(&locations);
        for name in &names {
            self.devices.rings(name, ring_s);
        }
        if ordering == "sequential" && names.len() > 1 {
            let instead = "a phone that refuses for all (603) is the last that rings";
            self.list.add(node.at, node.shown(), instead);
        }
        match ordering {
            _ if names.is_empty() => Vec::new(),
            "sequential" => names.into_iter().map(|name| Stage::of(vec![name], ring_s)).collect(),
            "first-only" => {
                names.into_iter().take(1).map(|name| Stage::of(vec![name], ring_s)).collect()
            }
            _ => {
                if ordering != "parallel" {
                    let instead = "there is no such ordering; all locations ring together";
                    self.list.add(node.at, node.shown(), instead);
                }
                vec![Stage::of(names, ring_s)]
            }
        }
    }

    /// Where the account's phones alone would ring, and none has registered: that fails at once.
    fn nobody_there(
        &mut self,
        state: &State,
        stages: &[Stage],
        failure: Option<&'n Node>,
        after: &State,
    ) -> Cases {
        let alone = devices(&state.locations) == [self.registered.clone()];
        let (Some(output), true, false, 1) = (failure, alone, state.found, stages.len()) else {
            return Ok(Vec::new());
        };
        let below = self.action(Some(output), after.clone())?;
        let rings = |case: &Case| matches!(case.straight, Straight::Ring { .. });
        if !below.iter().any(rings) {
            return Ok(Vec::new());
        }
        let unregistered = Some(self.registered.clone());
        let way = Conditions { unregistered, ..Conditions::default() };
        let mut cases = Vec::new();
        self.join(output, &way, &below, &mut cases)?;
        for case in &mut cases {
            case.path.insert(0, "where no phone has registered".to_owned());
        }
        Ok(cases)
    }

    /// How it goes on, for each way of failing. The switches behind all of them are decided before
    /// anything rings.
    fn outcomes(
        &mut self,
        node: &'n Node,
        stages: Vec<Stage>,
        outputs: [Option<&'n Node>; 3],
        after: &State,
    ) -> Cases {
        let mut distinct: Vec<(Option<&Node>, Vec<Case>)> = Vec::new();
        let mut at = [0; 3];
        for (output, at) in outputs.into_iter().zip(&mut at) {
            let known = distinct.iter().position(|(known, _)| same(*known, output));
            *at = match known {
                Some(known) => known,
                None => {
                    let cases = self.action(output, after.clone())?;
                    distinct.push((output, cases));
                    distinct.len() - 1
                }
            };
        }
        if stages.len() > 1 && distinct.len() > 1 {
            let instead = "what rings next goes by how the last one has failed, not by the best answer of all";
            self.list.add(node.at, node.shown(), instead);
        }
        let groups: Vec<Vec<Case>> = distinct.into_iter().map(|(_, cases)| cases).collect();
        let combined = self.combined(node, &groups)?;
        let made = combined.into_iter().filter_map(|(when, chosen)| {
            let way = |at: usize| chosen.get(at).map(|case| Box::new(case.straight.clone()));
            let [busy, no_answer, failed] = at;
            let straight = Straight::Ring {
                stages: stages.clone(),
                busy: way(busy)?,
                no_answer: way(no_answer)?,
                failed: way(failed)?,
            };
            let path = chosen.iter().flat_map(|case| case.path.clone()).take(8).collect();
            let name = chosen.iter().map(|case| case.name.clone()).find(|name| !name.is_empty());
            Some(Case { when, straight, path, name: name.unwrap_or_default(), at: node.at })
        });
        Ok(made.collect())
    }

    /// Each choice of one case from every group that can hold together, in order.
    fn combined(
        &mut self,
        node: &Node,
        groups: &[Vec<Case>],
    ) -> Result<Vec<(Conditions, Vec<Case>)>, Unreadable> {
        let mut combined: Vec<(Conditions, Vec<Case>)> = vec![(Conditions::default(), Vec::new())];
        for group in groups {
            let mut next: Vec<(Conditions, Vec<Case>)> = Vec::new();
            for (when, chosen) in &combined {
                for case in group {
                    match both(when, &case.when) {
                        Both::Fits(when) => {
                            let chosen = chosen.iter().chain([case]).cloned().collect();
                            next.push((*when, chosen));
                        }
                        Both::Never => {}
                        Both::Unsayable(why) => {
                            let what = format!("{}: {}", node.shown(), case.path.join("; "));
                            let instead = format!("{why}; such calls go on to the rules behind it");
                            self.list.add(node.at, crate::text::shorten(&what), instead);
                        }
                    }
                }
                let cases = next.iter().flat_map(|(_, chosen)| chosen.last().cloned());
                enough(&cases.collect::<Vec<_>>())?;
            }
            combined = next;
        }
        Ok(combined)
    }

    /// `redirect`
    pub(super) fn redirect(&mut self, node: &Node, state: &State) -> Case {
        let instead =
            "the caller's phone is not sent elsewhere: the call is forwarded, and goes on as his";
        self.list.add(node.at, node.shown(), instead);
        let path = vec![format!("line {}: {}", node.at.line, node.shown())];
        let mut one = state.locations.iter();
        let straight = match (one.next(), one.next()) {
            (Some(Location { url, goes_to: Goes::Device(name), .. }), None)
                if url.contains('@') && *name != self.registered =>
            {
                let stage =
                    Stage::Forward { to: url.clone(), ring_s: REDIRECT_RING_S, confirm: false };
                ring(vec![stage], &Straight::End(Finish::Response))
            }
            _ => self.ring_all(&state.locations, None),
        };
        Case { straight, path, at: node.at, ..self.unspecified(state) }
    }

    /// `reject status=… reason=…`
    pub(super) fn reject(&mut self, node: &Node) -> Case {
        let status = node.get("status").unwrap_or_default();
        let code = match status.to_ascii_lowercase().as_str() {
            "busy" => Some(486),
            "notfound" => Some(404),
            "reject" => Some(603),
            "error" => Some(500),
            other => other.parse::<u16>().ok().filter(|code| (400..=699).contains(code)),
        };
        if code.is_none() {
            let instead = "its status is none that a call is refused with; it is refused with 603";
            self.list.add(node.at, node.shown(), instead);
        }
        let reason = node.get("reason").filter(|reason| !reason.is_empty());
        let plain = reason.map(|reason| {
            let fits = |one: &char| (' '..='~').contains(one) && !matches!(one, '"' | '\\');
            reason.chars().filter(fits).take(80).collect::<String>().trim().to_owned()
        });
        if plain.as_deref() != reason {
            let instead =
                "a reason is 1 to 80 plain characters without quotes; the rest is left out";
            self.list.add(node.at, node.shown(), instead);
        }
        let straight = Straight::End(Finish::Reject(
            code.unwrap_or(603),
            plain.filter(|text| !text.is_empty()),
        ));
        let path = vec![format!("line {}: {}", node.at.line, node.shown())];
        Case { when: Conditions::default(), straight, path, name: String::new(), at: node.at }
    }
}

fn same(one: Option<&Node>, two: Option<&Node>) -> bool {
    match (one, two) {
        (Some(one), Some(two)) => {
            one.children.len() == two.children.len()
                && one.children.iter().zip(&two.children).all(|(a, b)| a.says_the_same(b))
        }
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    }
}
