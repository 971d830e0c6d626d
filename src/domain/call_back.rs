//! A call at one node that meets a message that is being left at another one.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{AccountName, CallbackPolicy, MessageId, RouteQuery, Seats};

/// The longest of its texts, in bytes; what the doors take is no longer.
const TEXT_BYTES_MAX: usize = 1024;

/// A question about a call, as far as the node has to know it where a message is being left: whom
/// does it call, and who calls?
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallBackQuery {
    call_id: Arc<str>,
    from_uri: Arc<str>,
    ruri: Arc<str>,
    account: Option<AccountName>,
}

impl CallBackQuery {
    /// What another node has to know of a question.
    #[must_use]
    pub fn of(query: &RouteQuery) -> Self {
        Self {
            call_id: Arc::clone(&query.call_id),
            from_uri: Arc::clone(&query.from_uri),
            ruri: Arc::clone(&query.ruri),
            account: query.account.clone(),
        }
    }

    /// The question that another node was asked; `None`: no door would have taken it.
    #[must_use]
    pub fn into_query(self) -> Option<RouteQuery> {
        let Self { call_id, from_uri, ruri, account } = self;
        let fits = [&call_id, &from_uri, &ruri].iter().all(|text| text.len() <= TEXT_BYTES_MAX);
        fits.then(|| RouteQuery { call_id, from_uri, ruri, account, ..RouteQuery::default() })
    }
}

/// A deposit that a call meets at another node, as that node tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallBackMet {
    /// The deposit.
    pub message: MessageId,
    /// What is done about it.
    pub policy: CallbackPolicy,
    /// What its call has of the accounts that are called: kept by it with the policy `pause`, given
    /// back for the call with every other.
    pub seats: Seats,
    /// `host:port` of the switch where it is left, for the proxy of the call; told with `pause`.
    pub switch: Option<Arc<str>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_door_takes_is_no_question() {
        let query = RouteQuery {
            call_id: "c@h".into(),
            from_uri: "sip:b@h".into(),
            ruri: "sip:+4930@h".into(),
            account: AccountName::parse("b").ok(),
            ..RouteQuery::default()
        };
        assert_eq!(CallBackQuery::of(&query).into_query(), Some(query.clone()));
        let long: Arc<str> = "x".repeat(TEXT_BYTES_MAX + 1).into();
        for at in 0..3 {
            let mut query = query.clone();
            *[&mut query.call_id, &mut query.from_uri, &mut query.ruri][at] = Arc::clone(&long);
            assert_eq!(CallBackQuery::of(&query).into_query(), None);
        }
    }
}
