//! With which greeting a mailbox takes a call. A rule chooses it when the order is made; its name
//! travels with the call to the switch and comes back with the leg, so that whichever node hears of
//! the leg, and after whatever restart, knows it.

use crate::domain::{Cause, Greeting, GreetingName, LegFacts, Mailbox};

/// How a call comes to a mailbox.
#[derive(Clone, Debug, Default)]
pub(super) struct Coming {
    /// Why it comes there at once, before any phone has rung, if it does.
    pub(super) at_once: Option<Cause>,
    /// The greeting that a rule has chosen.
    pub(super) greeting: Option<GreetingName>,
}

impl Coming {
    /// The header lines of the mailbox's branch; none if there is nothing to say.
    pub(super) fn headers(&self, mailbox: &Mailbox) -> Option<String> {
        let mut lines = String::new();
        if let Some(cause) = self.at_once {
            lines = format!("X-Hallporter-Cause: {}\r\n", cause.as_str());
        }
        if let Some(greeting) = self.greeting.as_ref().filter(|name| has(mailbox, name)) {
            lines.push_str(&format!("{}: {greeting}\r\n", Greeting::HEADER));
        }
        (!lines.is_empty()).then_some(lines)
    }

    /// The greeting as it is told.
    pub(super) fn told(&self, mailbox: &Mailbox) -> Option<Greeting> {
        let name = self.greeting.clone()?;
        Some(Greeting { known: has(mailbox, &name), name })
    }
}

/// The mailbox as it greets a leg. A greeting that was taken away meanwhile is not missed: there is
/// the mailbox's own, and the usual one.
pub(super) fn greets(mailbox: &Mailbox, facts: &LegFacts) -> Mailbox {
    let chosen = facts.greeting.as_ref().and_then(|name| mailbox.greetings.get(name)).copied();
    Mailbox { greeting: chosen.or(mailbox.greeting), ..mailbox.clone() }
}

fn has(mailbox: &Mailbox, greeting: &GreetingName) -> bool {
    mailbox.greetings.contains_key(greeting)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ContentId, MailboxName, VideoFacts};

    fn named(text: &str) -> GreetingName {
        GreetingName::parse(text).unwrap()
    }

    fn mailbox() -> Mailbox {
        let mut mailbox = Mailbox::new(MailboxName::parse("bob").unwrap());
        mailbox.greeting = Some(ContentId([1; 32]));
        mailbox.greetings = [(named("closed"), ContentId([2; 32]))].into();
        mailbox
    }

    #[test]
    fn a_branch_says_which_greeting_if_there_is_one() {
        let coming = |at_once, greeting: Option<&str>| {
            let greeting = greeting.map(named);
            Coming { at_once, greeting }.headers(&mailbox()).unwrap_or_default()
        };
        assert_eq!(coming(None, None), "");
        assert_eq!(coming(None, Some("night")), "");
        assert_eq!(coming(None, Some("closed")), "X-Hallporter-Greeting: closed\r\n");
        assert_eq!(
            coming(Some(Cause::Rule), Some("closed")),
            "X-Hallporter-Cause: rule\r\nX-Hallporter-Greeting: closed\r\n"
        );
        let missed = Coming { at_once: None, greeting: Some(named("night")) };
        assert!(!missed.told(&mailbox()).unwrap().known);
    }

    #[test]
    fn a_mailbox_greets_as_it_is_told_and_else_as_usual() {
        let greets = |greeting: Option<&str>, mailbox: &Mailbox| {
            let facts = LegFacts {
                call_id: "c".into(),
                dialled: "bob".into(),
                cause: None,
                our_cause: None,
                greeting: greeting.map(named),
                call: None,
                from_uri: "".into(),
                from_display: "".into(),
                contact: None,
                via: None,
                answered: false,
                video: VideoFacts::default(),
            };
            greets(mailbox, &facts).greeting.map(|content| content.0[0])
        };
        assert_eq!(greets(None, &mailbox()), Some(1));
        assert_eq!(greets(Some("closed"), &mailbox()), Some(2));
        assert_eq!(greets(Some("night"), &mailbox()), Some(1));
        let bare = Mailbox::new(MailboxName::parse("bob").unwrap());
        assert_eq!(greets(Some("closed"), &bare), None);
    }
}
