//! What is dialled.

use super::sip::target;
use super::{DOMAIN, unique};

/// What is dialled, by whom, how.
#[derive(Clone)]
pub(crate) struct Dial {
    /// A user of the domain, or a whole URI.
    pub(crate) to: String,
    /// The From without its tag.
    pub(crate) from: String,
    /// Who it can prove to be.
    pub(crate) account: Option<String>,
    /// Further header lines, each with its CR LF.
    pub(crate) extra: String,
    pub(crate) call_id: String,
    pub(crate) tag: String,
}

impl Dial {
    /// A stranger's call.
    pub(crate) fn to(to: &str) -> Self {
        Self {
            to: target(to),
            from: "<sip:stranger@elsewhere.test>".to_owned(),
            account: None,
            extra: String::new(),
            call_id: unique("call"),
            tag: unique("tag"),
        }
    }

    /// The call of somebody who proves an account, or says to be its user.
    pub(crate) fn by(mut self, account: &str) -> Self {
        self.account = Some(account.to_owned());
        self.from = format!("<sip:{account}@{DOMAIN}>");
        self
    }

    /// Only says to be that one.
    pub(crate) fn from(mut self, from: &str) -> Self {
        from.clone_into(&mut self.from);
        self
    }

    pub(crate) fn extra(mut self, lines: &str) -> Self {
        lines.clone_into(&mut self.extra);
        self
    }

    pub(crate) fn call_id(mut self, call_id: &str) -> Self {
        call_id.clone_into(&mut self.call_id);
        self
    }

    pub(crate) fn tag(mut self, tag: &str) -> Self {
        tag.clone_into(&mut self.tag);
        self
    }
}
