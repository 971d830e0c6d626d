//! What operators do, to desk and model.

use hallporter::desk::{Input, Ticket};
use hallporter::registry::Command;
use serde_json::json;

use super::model::Account;
use super::stage::{Stage, name, number};

impl Stage {
    fn commit(&mut self, command: serde_json::Value) {
        let command: Command = serde_json::from_value(command).unwrap();
        let index = self.desk.registry().applied() + 1;
        let changes = self.desk.registry().plan(&command).unwrap();
        self.shelf.note(index, changes);
        self.handle(Input::Committed { ticket: Ticket(0), index, command }, &[]);
    }

    pub(crate) fn caps(&mut self, account: usize, caps: [Option<u32>; 3]) {
        if self.model.accounts[account].there {
            let [total, incoming, outgoing] = caps;
            self.commit(json!({"command": "account_set", "name": name(account),
                "max_calls": total, "max_in": incoming, "max_out": outgoing}));
            self.model.accounts[account].caps = caps;
        }
    }

    pub(crate) fn move_under(&mut self, account: usize, parent: Option<usize>) {
        let may = parent.is_none_or(|parent| self.model.may_stand_under(account, parent));
        if may && self.model.accounts[account].there {
            let parent_name = parent.map(name);
            self.commit(json!({"command": "account_set", "name": name(account),
                "parent": parent_name}));
            self.model.accounts[account].parent = parent;
        }
    }

    pub(crate) fn enable(&mut self, account: usize, enabled: bool, strict: bool) {
        if self.model.accounts[account].there {
            let policy = if strict { "strict" } else { "available" };
            self.commit(json!({"command": "account_set", "name": name(account),
                "enabled": enabled, "policy": policy}));
            let account = &mut self.model.accounts[account];
            (account.enabled, account.strict) = (enabled, strict);
        }
    }

    pub(crate) fn remove(&mut self, account: usize) {
        let children = self.model.accounts.iter().any(|child| child.parent == Some(account));
        if self.model.accounts[account].there && !children && account > 0 {
            self.commit(json!({"command": "account_remove", "name": name(account)}));
            let gone = &mut self.model.accounts[account];
            (gone.there, gone.parent, gone.caps) = (false, None, [None; 3]);
        }
    }

    pub(crate) fn add(&mut self, account: usize) {
        if self.keys.len() > account && self.model.accounts[account].there {
            return;
        }
        self.commit(json!({"command": "account_add", "name": name(account)}));
        let number = number(account);
        self.commit(json!({"command": "number_add", "identifier": number,
            "account": name(account)}));
        let key = self.desk.registry().find(name(account).as_str()).unwrap();
        if self.keys.len() == account {
            self.keys.push(key);
        } else {
            // Another account with an old name: the old one's calls are nobody's any more.
            self.keys[account] = key;
            for call in self.model.calls.values_mut() {
                call.seats.retain(|seat| seat.0 != account);
            }
            let fresh = &mut self.model.accounts[account];
            *fresh = Account { there: true, enabled: true, ..Account::default() };
        }
    }
}
