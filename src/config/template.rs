//! The file that `init` writes, and `docs/config.md`: the table of keys in two dresses.

use std::fmt::Write;

use super::keys::{Key, Preset, SECTIONS, Section};

/// What a first config file says in place of the defaults.
#[derive(Clone, Debug)]
pub struct First<'a> {
    /// `node.name`
    pub name: &'a str,
    /// `node.region`
    pub region: &'a str,
    /// `http.listen`
    pub listen: &'a str,
    /// `cluster.listen`
    pub cluster_listen: Option<&'a str>,
}

/// The text of a first config file: every key with its meaning, those that have a default as
/// comments. The values must have been checked.
#[must_use]
pub fn first_file(first: &First<'_>) -> String {
    let mut text = String::from(
        "# Settings of hallporter. Every key is here; what is commented out is the default.\n\
         # `hallporter check -c FILE` tells every mistake with its line; after a change send the\n\
         # daemon SIGHUP: it takes all of the file, or says why not and goes on as before.\n",
    );
    for section in SECTIONS {
        let _ = writeln!(text);
        comment(&mut text, section.doc);
        let _ = match section.many {
            None => writeln!(text, "[{}]", section.name),
            Some(_) => writeln!(text, "#[[{}]]", section.name),
        };
        for key in section.keys {
            let _ = writeln!(text);
            comment(&mut text, key.doc);
            let _ = match written(first, section, key) {
                Some(value) => writeln!(text, "{} = {value}", key.name),
                None => writeln!(text, "#{} = {}", key.name, example(key)),
            };
        }
    }
    text
}

/// The page about all keys, in Markdown.
#[must_use]
pub fn reference() -> String {
    let mut text = String::from(
        "# Settings\n\n\
         One TOML file. `hallporter init --dir DIR` writes a first one with comments, \
         `hallporter check -c FILE` tells every mistake with its line. Unknown keys are mistakes. \
         Durations are text with a unit: `\"15s\"`, `\"5m\"`, `\"12h\"`, `\"7d\"`. Paths are relative \
         to the file. SIGHUP makes the daemon read it again: it takes all of it, or changes \
         nothing and says why.\n\n\
         This page is made from the table in `src/config/keys.rs`; a test compares them.\n",
    );
    for section in SECTIONS {
        let brackets = if section.many.is_some() { ("[[", "]]") } else { ("[", "]") };
        let _ = write!(
            text,
            "\n## `{}{}{}`\n\n{}\n\n| key | default | meaning |\n|---|---|---|\n",
            brackets.0,
            section.name,
            brackets.1,
            one_line(section.doc)
        );
        for key in section.keys {
            let default = match key.default {
                Preset::Is(value) => format!("`{value}`"),
                Preset::Nothing(value) => format!("none; such as `{value}`"),
                Preset::Required(value) => format!("must be written; such as `{value}`"),
            };
            let _ = writeln!(text, "| `{}` | {default} | {} |", key.name, one_line(key.doc));
        }
    }
    text
}

/// What `init` writes for a key, if it does not leave it to the default.
fn written(first: &First<'_>, section: &Section, key: &Key) -> Option<String> {
    let given = match (section.name, key.name) {
        ("node", "name") => first.name,
        ("node", "region") => first.region,
        ("http", "listen") => first.listen,
        ("cluster", "listen") => first.cluster_listen?,
        ("node", "data_dir") | ("http", "route_token_file" | "admin_token_file") => {
            return Some(example(key).to_owned());
        }
        _ => return None,
    };
    Some(format!("{given:?}"))
}

fn example(key: &Key) -> &'static str {
    let (Preset::Is(value) | Preset::Nothing(value) | Preset::Required(value)) = key.default;
    value
}

fn comment(text: &mut String, doc: &str) {
    for line in doc.lines() {
        let _ = writeln!(text, "# {line}");
    }
}

fn one_line(doc: &str) -> String {
    doc.replace('\n', " ").replace('|', "\\|")
}
