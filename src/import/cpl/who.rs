//! `address-switch`: who calls, and what was dialled.

use crate::domain::Number;
use crate::import::sheet::Conditions;

use super::flat::Walk;
use super::xml::Node;

/// Every number begins so.
const ANY_NUMBER: [&str; 9] = ["+1*", "+2*", "+3*", "+4*", "+5*", "+6*", "+7*", "+8*", "+9*"];

impl Walk<'_> {
    /// The conditions of a branch; `None` when rules cannot say it, which is then in the list.
    pub(super) fn address(&mut self, switch: &Node, branch: &Node) -> Option<Vec<Conditions>> {
        let field = switch.get("field").unwrap_or_default();
        let subfield = switch.get("subfield");
        let origin = match field {
            "origin" => true,
            "destination" | "original-destination" => false,
            _ => return self.not_asked(switch, branch, "there is no such field"),
        };
        if branch.name == "not-present" {
            return self.nobody(switch, branch, origin, subfield);
        }
        if branch.name != "address" {
            return self.not_asked(switch, branch, "it is no branch of this switch");
        }
        let matching = ["is", "contains", "subdomain-of"];
        let found = matching.into_iter().find_map(|key| Some((key, branch.get(key)?)));
        let Some((matching, value)) = found else {
            return self.not_asked(switch, branch, "it says no address");
        };
        let who = match (subfield, matching) {
            (None | Some("user"), "is") if origin && is_anonymous(value) => {
                let instead = "anonymous are callers whose user is `anonymous`, whose host is anonymous.invalid, or who do not say";
                self.list.add(branch.at, branch.shown(), instead);
                Ok("anonymous".to_owned())
            }
            (None, "is") => self.whole(branch, value),
            (Some("host"), "is") => host(value),
            (Some("host"), "subdomain-of") => {
                let instead = "hosts below this one are not in it: name each of them in the rule";
                self.list.add(branch.at, branch.shown(), instead);
                host(value)
            }
            (Some("tel"), "is") => number(value),
            (Some("tel"), "subdomain-of") => prefix(value),
            (Some("user"), "is") if value.starts_with('+') => number(value),
            (Some("user"), "is") => {
                Err("rules ask for a user at a host: write user@host in the rule")
            }
            (Some(_), "contains") | (None, "contains") => {
                Err("rules know no part of an address or a name")
            }
            _ => Err("rules do not ask for it"),
        };
        match who {
            Ok(who) => Some(vec![asked(origin, vec![who])]),
            Err(why) => self.not_asked(switch, branch, why),
        }
    }

    fn not_asked(&mut self, switch: &Node, branch: &Node, why: &str) -> Option<Vec<Conditions>> {
        let what = format!("{}, {}", switch.shown(), branch.shown());
        let instead = format!("{why}; the branch is left out, and such calls go on to the next");
        self.list.add(branch.at, what, instead);
        None
    }

    /// `not-present`: what is asked for is not there.
    fn nobody(
        &mut self,
        switch: &Node,
        branch: &Node,
        origin: bool,
        subfield: Option<&str>,
    ) -> Option<Vec<Conditions>> {
        match subfield {
            Some("tel") => {
                let numbers = ANY_NUMBER.map(str::to_owned).to_vec();
                let when = if origin {
                    Conditions { not_from: numbers, ..Conditions::default() }
                } else {
                    Conditions { not_to: numbers, ..Conditions::default() }
                };
                Some(vec![when])
            }
            None | Some("user" | "host") if origin => {
                let instead = "callers of whom nothing is known are anonymous in rules, and those who hide their name are, too";
                self.list.add(branch.at, branch.shown(), instead);
                Some(vec![asked(true, vec!["anonymous".to_owned()])])
            }
            _ => self.not_asked(switch, branch, "rules can't ask whether it is there"),
        }
    }

    /// A whole address: what rules do not look at is in the list.
    fn whole(&mut self, branch: &Node, value: &str) -> Result<String, &'static str> {
        let lower = value.to_ascii_lowercase();
        if lower.starts_with("tel:") {
            return number(value.get(4..).unwrap_or_default());
        }
        let scheme = ["sip:", "sips:"].into_iter().find(|scheme| lower.starts_with(scheme));
        let Some(rest) = scheme.and_then(|scheme| value.get(scheme.len()..)) else {
            return Err("it is no sip:, sips: or tel: address");
        };
        let bare = rest.split([';', '?']).next().unwrap_or_default();
        let (user, at_host) = bare.split_once('@').ok_or("rules ask for a user at a host")?;
        let user = user.split(':').next().unwrap_or_default();
        let at = at_host.rfind(':').filter(|_| !at_host.ends_with(']'));
        let bare_host = at.and_then(|at| at_host.get(..at)).unwrap_or(at_host);
        if user.starts_with('+') {
            let instead = "a number is taken for itself, whatever host it comes with";
            self.list.add(branch.at, branch.shown(), instead);
            return number(user);
        }
        if bare_host.len() != rest.len() - user.len() - 1 {
            let instead = "user and host are asked for; port, password and parameters are not";
            self.list.add(branch.at, branch.shown(), instead);
        }
        let address = format!("{user}@{}", bare_host.to_ascii_lowercase());
        if user.is_empty() || !plain(user) || user.contains('*') {
            return Err("such a user can't be written in a rule");
        }
        host(bare_host).map(|_| address)
    }
}

fn asked(origin: bool, who: Vec<String>) -> Conditions {
    match origin {
        true => Conditions { from: Some(who), ..Conditions::default() },
        false => Conditions { to: Some(who), ..Conditions::default() },
    }
}

fn is_anonymous(value: &str) -> bool {
    let value = value.to_ascii_lowercase();
    let value = value.strip_prefix("sip:").unwrap_or(&value);
    value == "anonymous" || value.starts_with("anonymous@")
}

fn plain(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.+".contains(&byte))
}

fn host(value: &str) -> Result<String, &'static str> {
    let fits = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:[]".contains(&byte));
    if fits && !value.is_empty() && value.len() <= 200 {
        Ok(format!("*@{}", value.to_ascii_lowercase()))
    } else {
        Err("such a host can't be written in a rule")
    }
}

fn number(value: &str) -> Result<String, &'static str> {
    let value = value.split(';').next().unwrap_or_default();
    Number::parse(value)
        .map(|number| number.to_string())
        .map_err(|_| "numbers are asked for in international form (+49…)")
}

fn prefix(value: &str) -> Result<String, &'static str> {
    let plain: String = value.chars().filter(|one| !" -.()/".contains(*one)).collect();
    let digits = plain.strip_prefix('+').unwrap_or_default();
    let fits = (1..=14).contains(&digits.len())
        && !digits.starts_with('0')
        && digits.bytes().all(|byte| byte.is_ascii_digit());
    if fits {
        Ok(format!("+{digits}*"))
    } else {
        Err("numbers are asked for in international form (+49…)")
    }
}
