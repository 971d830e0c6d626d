//! When a change of a call is in every copy, as seen from outside: one call at a time is changed at
//! one node and looked for at all others. The looks go on until it is there, a little while apart,
//! so that a second has some hundred of them and not more: what is measured is not disturbed by it.

use std::time::{Duration, Instant};

use anyhow::bail;
use serde_json::Value;

use crate::generator::{Client, Questions};
use crate::nodes::{Node, request};

/// Between two looks at the same node.
const LOOK_EVERY: Duration = Duration::from_micros(500);
/// Between two calls.
const PAUSE: Duration = Duration::from_millis(20);
/// A change that is not seen by then is lost.
const LOST_AFTER: Duration = Duration::from_secs(10);

/// One node.
struct Eye<'a> {
    node: &'a Node,
    proxy: Client,
    operator: Client,
    questions: Questions,
    token: String,
}

/// What was seen, in microseconds, sorted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// From the question or event being sent to the last node's list showing it.
    pub(crate) everywhere_us: Vec<u32>,
    /// From the same to the answer of the node where the call is.
    pub(crate) answered_us: Vec<u32>,
}

/// What a call has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Reserved,
    Up,
    Gone,
}

/// Looks for so long.
pub(crate) fn watch(
    nodes: &[Node],
    homes: usize,
    accounts: u32,
    series: u32,
    time: Duration,
) -> anyhow::Result<Seen> {
    let mut eyes = Vec::new();
    for (number, node) in (0..).zip(nodes) {
        let series = 0x8000_0000 + series * 16 + number;
        let questions = Questions::new(node.site.http(), &node.token("route")?, accounts, series);
        let (proxy, operator) = (node.connect()?, node.connect()?);
        let token = node.token("admin")?;
        eyes.push(Eye { node, proxy, operator, questions, token });
    }
    let (mut seen, began) = (Seen::default(), Instant::now());
    for index in 0.. {
        if began.elapsed() >= time {
            break;
        }
        let home = index as usize % homes;
        let call_id = eyes[home].questions.call_id(index);
        for state in [State::Reserved, State::Up, State::Gone] {
            let questions = &eyes[home].questions;
            let bytes = match state {
                State::Reserved => questions.question(index),
                State::Up => questions.telling(&[questions.event("start", index)]),
                State::Gone => questions.telling(&[questions.event("end", index)]),
            };
            let sent = Instant::now();
            let reply = eyes[home].proxy.ask(&bytes)?;
            let refused = state == State::Reserved
                && !String::from_utf8_lossy(&reply.body).contains("\"action\":\"fork\"");
            if reply.status != 200 || refused {
                bail!("answered {}: {}", reply.status, String::from_utf8_lossy(&reply.body));
            }
            seen.answered_us.push(micros(sent));
            let others = eyes.iter_mut().enumerate().filter(|(at, _)| *at != home);
            let mut waiting: Vec<&mut Eye<'_>> = others.map(|(_, eye)| eye).collect();
            while !waiting.is_empty() {
                let mut left = Vec::new();
                for eye in waiting {
                    if eye.state(&call_id)? != Some(state) {
                        left.push(eye);
                    }
                }
                waiting = left;
                if !waiting.is_empty() {
                    if sent.elapsed() > LOST_AFTER {
                        bail!("{call_id} is not {state:?} everywhere after {LOST_AFTER:?}");
                    }
                    std::thread::sleep(LOOK_EVERY);
                }
            }
            seen.everywhere_us.push(micros(sent));
        }
        std::thread::sleep(PAUSE);
    }
    seen.everywhere_us.sort_unstable();
    seen.answered_us.sort_unstable();
    Ok(seen)
}

impl Eye<'_> {
    /// How a call stands, as the node shows it.
    fn state(&mut self, call_id: &str) -> anyhow::Result<Option<State>> {
        let path = format!("/v1/calls/{call_id}");
        let reply =
            self.operator.ask(&request(&self.node.site, &self.token, ("GET", &path), ""))?;
        match reply.status {
            404 => Ok(Some(State::Gone)),
            200 => {
                let call: Value = serde_json::from_slice(&reply.body)?;
                Ok(match call["state"].as_str() {
                    Some("reserved") => Some(State::Reserved),
                    Some("up") => Some(State::Up),
                    _ => None,
                })
            }
            other => bail!("a look was answered {other}"),
        }
    }
}

fn micros(since: Instant) -> u32 {
    u32::try_from(since.elapsed().as_micros()).unwrap_or(u32::MAX)
}
