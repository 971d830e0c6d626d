//! What was written for other systems: see [`super`].

use hallporter::import::{Export, Imported, Unreadable, Wanted, read_cpl, read_fusionpbx};
use hallporter::rules::RuleFile;

/// What must hold of rules that came out.
fn holds(made: &Imported) {
    assert!(RuleFile::read(&made.text).is_ok(), "{}", made.text);
    for entry in &made.not_carried {
        assert!(entry.line > 0 && entry.column > 0 && super::plain(&entry.instead), "{entry}");
    }
    for device in &made.devices {
        assert!(!device.command.contains(['\n', '\r']), "{}", device.command);
    }
}

/// What must hold of a reason why nothing came out.
fn explains(error: &Unreadable) {
    match error {
        Unreadable::Source(faults) => {
            assert!(!faults.is_empty());
            assert!(faults.iter().all(|fault| fault.line > 0 && fault.column > 0), "{error}");
        }
        Unreadable::TooMuch(_) => {}
        Unreadable::Own(_) => panic!("{error}"),
    }
}

/// A CPL script.
pub fn cpl(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match read_cpl(text, &Wanted::default()) {
        Ok(made) => holds(&made),
        Err(error) => explains(&error),
    }
}

/// The tables of a FusionPBX, one behind the other.
pub fn fusionpbx(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let export = |text: &str| Export { name: "table".to_owned(), text: text.to_owned() };
    let files: Vec<Export> = text.split("\n---\n").map(export).collect();
    match read_fusionpbx(&files, &Wanted::default()) {
        Ok(made) => made.imports.iter().for_each(holds),
        Err(error) => explains(&error),
    }
}
