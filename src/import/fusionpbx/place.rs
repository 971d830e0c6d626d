//! Numbers of a FusionPBX: extensions, telephone numbers, SIP addresses.

use crate::domain::{DeviceName, Number, SipUri};
use crate::import::sheet::{Devices, Reached};
use crate::import::{List, Wanted};

use super::Tables;
use super::rows::Row;

/// The host of the extensions, when nobody has said it.
pub(super) const ANY_DOMAIN: &str = "DOMAIN";
/// The host of a gateway, which an export does not say.
const ANY_GATEWAY: &str = "GATEWAY";
/// A number with more digits is none of an extension, unless there is an extension that has it.
const EXTENSION_DIGITS_MAX: usize = 6;

/// Where the account is.
pub(super) struct Around<'a> {
    pub(super) tables: &'a Tables,
    pub(super) domain: String,
}

impl<'a> Around<'a> {
    pub(super) fn of(tables: &'a Tables, row: &Row, wanted: &Wanted) -> Self {
        Self { tables, domain: tables.domain(row, wanted) }
    }

    fn is_extension(&self, number: &str) -> bool {
        let short = number.len() <= EXTENSION_DIGITS_MAX
            && number.bytes().all(|byte| byte.is_ascii_digit());
        self.tables.is_extension(number) || (self.tables.extensions.is_empty() && short)
    }

    /// The device behind a number; what can't be called is in the list.
    pub(super) fn device(
        &self,
        number: &str,
        column: &str,
        row: &Row,
        devices: &mut Devices,
        list: &mut List,
    ) -> Option<DeviceName> {
        let number = number.strip_prefix("user/").unwrap_or(number);
        let bare = number.split('@').next().unwrap_or_default();
        let reached = self.reached(number, column, row, list)?;
        let further = match reached.by {
            "number" => "tel",
            _ => "sip",
        };
        Some(devices.name(reached, bare.trim_start_matches('+'), further))
    }

    fn reached(&self, number: &str, column: &str, row: &Row, list: &mut List) -> Option<Reached> {
        if let Ok(number) = Number::parse(number) {
            return Some(Reached { by: "number", target: number.to_string() });
        }
        if number.contains('@') {
            let text = number.strip_prefix("sip:").unwrap_or(number);
            if let Ok(uri) = SipUri::parse(&format!("sip:{text}")) {
                return Some(Reached { by: "uri", target: uri.as_str().to_owned() });
            }
            row.note(list, column, "is no address that can be called; it is left out");
            return None;
        }
        let plain =
            number.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.*#".contains(&byte));
        if number.is_empty() || !plain || number.len() > 60 {
            row.note(list, column, "is no number that can be called; it is left out");
            return None;
        }
        let number = number.replace('#', "%23");
        if self.tables.is_group(&number) {
            let instead = "is a ring group of its own: it is called by its number; name its phones instead, if they should ring here";
            row.note(list, column, instead);
            return Some(Reached { by: "uri", target: format!("sip:{number}@{}", self.domain) });
        }
        if self.is_extension(&number) {
            if self.domain == ANY_DOMAIN {
                let instead = "the host of the extensions is not among the columns: put it in place of DOMAIN, or give --domain";
                row.note(list, column, instead);
            }
            return Some(Reached { by: "aor", target: format!("sip:{number}@{}", self.domain) });
        }
        let instead = "is no number in international form (+49…) and no extension: put the gateway in place of GATEWAY, or make a device with --number";
        row.note(list, column, instead);
        Some(Reached { by: "uri", target: format!("sip:{number}@{ANY_GATEWAY}") })
    }

    /// Where a call is forwarded to.
    pub(super) fn forward(
        &self,
        number: &str,
        column: &str,
        row: &Row,
        list: &mut List,
    ) -> Option<String> {
        Some(self.reached(number, column, row, list)?.target)
    }
}
