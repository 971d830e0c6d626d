//! Devices that join a stage later: `["desk", { device = "mobile", after = "8s" }]`.

use toml::de::DeTable;

use crate::domain::{Member, RING_S_MAX};

use super::page::{Page, Value, below};

const KEYS: &[&str] = &["device", "after"];

impl Page<'_> {
    /// The devices that a stage names, each once, and after how many seconds each of them joins.
    /// `ring_s` is what the stage itself says.
    pub(super) fn joining(
        &mut self,
        key: &str,
        value: &Value<'_>,
        ring_s: Option<u16>,
        serial: bool,
    ) -> (Vec<Member>, Vec<u16>) {
        let elements = value.get_ref().as_array().map_or(&[][..], |elements| &elements[..]);
        if !elements.iter().any(|element| element.get_ref().as_table().is_some()) {
            let names = self.members(key, value);
            let delays = vec![0; names.len()];
            return (names, delays);
        }
        let (mut names, mut delays) = (Vec::new(), Vec::new());
        for element in elements {
            let (found, after_s) = match element.get_ref().as_table() {
                Some(table) => self.late(key, element, table, ring_s),
                None => (self.members(key, element), 0),
            };
            for name in found {
                if !names.contains(&name) {
                    names.push(name);
                    delays.push(after_s);
                }
            }
        }
        if serial && delays.iter().any(|after_s| *after_s > 0) {
            let hint = "leave `order` out, or `after`";
            let what = "rings one after the other, so nobody can join later";
            self.wrong(&value.span(), key, what, Some(hint));
        } else if !delays.is_empty() && delays.iter().all(|after_s| *after_s > 0) {
            let hint = "name one that rings at once, without `after`";
            self.wrong(&value.span(), key, "begins with nobody", Some(hint));
        }
        (names, delays)
    }

    fn late(
        &mut self,
        key: &str,
        at: &Value<'_>,
        table: &DeTable<'_>,
        ring_s: Option<u16>,
    ) -> (Vec<Member>, u16) {
        self.known(table, key, KEYS, &[]);
        let after = table.get("after").and_then(|value| {
            let key = below(key, "after");
            let after_s = self.ring_s(&key, value)?;
            let most_s = ring_s.unwrap_or(RING_S_MAX);
            if after_s >= most_s {
                let what = format!("joins after {after_s} s, and the stage rings {most_s} s");
                self.wrong(&value.span(), &key, what, Some("take less, or a longer `for`"));
            }
            Some(after_s)
        });
        let Some(device) = table.get("device") else {
            let hint = "write { device = \"mobile\", after = \"8s\" }";
            self.wrong(&at.span(), key, "does not say what rings", Some(hint));
            return (Vec::new(), 0);
        };
        let names = self.members(&below(key, "device"), device);
        (names, after.unwrap_or_default())
    }
}
