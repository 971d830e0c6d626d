//! `[push]`

use std::time::Duration;

use super::Webhook;
use super::access::Check;

const PUSH: &str = "push";

/// `[push]`, where there is somebody who sends pushes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Push {
    /// Who is told which devices are to be woken.
    pub webhook: Webhook,
    /// For how long a call is held for them.
    pub wait: Duration,
}

impl Check<'_> {
    pub(super) fn push(&mut self) -> Option<Push> {
        let wait = self.duration(PUSH, "wait");
        if wait.subsec_nanos() > 0 {
            let hint = "Kamailio counts it in seconds";
            self.wrong(PUSH, 0, "wait", "must be whole seconds", Some(hint));
        }
        if self.text(PUSH, "webhook").is_empty() && self.typed.line(PUSH, 0, "wait").is_some() {
            self.doubt(PUSH, "wait", "is not used without push.webhook".to_owned());
        }
        let webhook = self.webhook(PUSH)?;
        Some(Push { webhook, wait })
    }
}
