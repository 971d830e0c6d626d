//! Calls that somebody has to take by a key: the switch plays him a sentence and waits for the digit,
//! and only then is the call answered. Who presses nothing (a voicemail) has not answered.

use super::Error;
use super::command::{Execute, address, checked, path_of, way};

/// How long the digit is waited for behind the sentence, which is then said again, in milliseconds.
const READ_MS: u32 = 3_000;

/// The variables of a leg that is to be confirmed. The sentence ends with the name of the digit.
///
/// # Errors
/// [`Error::Unsafe`] for a directory or a key that could mean something else to the switch.
pub(super) fn variables(key: char, prompts: &str) -> Result<String, Error> {
    let digit = match key {
        '0' => "zero",
        '1' => "one",
        '2' => "two",
        '3' => "three",
        '4' => "four",
        '5' => "five",
        '6' => "six",
        '7' => "seven",
        '8' => "eight",
        '9' => "nine",
        _ => return Err(Error::Unsafe { what: "the key" }),
    };
    let prompts = path_of(prompts)?;
    Ok(format!(
        "group_confirm_key={key},group_confirm_read_timeout={READ_MS},group_confirm_file=\
         file_string://{prompts}/confirm.wav!{prompts}/key_{digit}.wav"
    ))
}

/// What a confirmation needs to know.
pub(super) struct Confirmation<'a> {
    pub(super) uri: &'a str,
    pub(super) via: Option<&'a str>,
    pub(super) key: char,
    pub(super) prompts: &'a str,
    pub(super) ring_s: u16,
}

/// What is run on the waiting leg: it is ended with whatever comes of the call to the device.
pub(super) fn confirm(asked: &Confirmation<'_>, profile: &str) -> Result<[Execute; 2], Error> {
    let Confirmation { uri, via, key, prompts, ring_s } = asked;
    let (variables, address) = (variables(*key, prompts)?, address(uri)?);
    checked(profile, b".-_", "the profile's name")?;
    let way = way(*via)?;
    Ok([
        Execute::new("set", "hangup_after_bridge=true"),
        Execute::new(
            "bridge",
            format!(
                "{{originate_timeout={ring_s},ignore_early_media=true,{variables}}}\
                 sofia/{profile}/{address}{way}"
            ),
        ),
    ])
}
