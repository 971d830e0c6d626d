//! What the machine asks for, in the scripts' words.

use std::fmt::Write as _;
use std::sync::Arc;

use super::super::*;
use super::Player;
use crate::domain::{DepositCard, Keys, Medium, Sound, SpoolCommand, SwitchCommand};

impl Player {
    fn keep(&mut self, card: &DepositCard) -> String {
        let mut text = String::new();
        if card.beside.is_some() {
            self.beside = Some(card.clone());
            text += " beside";
        } else {
            self.card = Some(card.clone());
        }
        if let Some(leg) = &card.leg {
            self.leg = leg.clone();
        }
        for part in &card.parts {
            let medium = if part.medium == Medium::Video { "v" } else { "a" };
            let dropped = if part.dropped { "-" } else { "" };
            let _ = write!(text, " {}{medium}{dropped}", part.number);
        }
        text + if card.urgent { " urgent" } else { "" }
    }

    pub(super) fn word(&mut self, output: &Output) -> String {
        match output {
            Output::Spool(SpoolCommand::Open(card)) => format!("open{}", self.keep(card)),
            Output::Spool(SpoolCommand::Note(card)) => format!("note{}", self.keep(card)),
            Output::Spool(SpoolCommand::Deliver(card)) => format!("deliver{}", self.keep(card)),
            Output::Spool(SpoolCommand::Check { part, .. }) => format!("check {}", part.number),
            Output::Spool(SpoolCommand::Discard(missed)) => format!("missed {:?}", missed.reason),
            Output::Spool(SpoolCommand::Forget(_)) => "forget".to_owned(),
            Output::Managed(_) => "managed".to_owned(),
            Output::Link { part, .. } => format!("link {part}"),
            Output::Over { outcome: Ok(()), .. } => "over".to_owned(),
            Output::Over { outcome: Err(reason), .. } => format!("over {reason:?}"),
            Output::Switch(_, command) => self.command(command),
        }
    }

    fn command(&mut self, command: &SwitchCommand) -> String {
        match command {
            SwitchCommand::Claim { leg } => format!("claim {leg}"),
            SwitchCommand::Answer { leg } => format!("answer {leg}"),
            SwitchCommand::Break { leg } => format!("break {leg}"),
            SwitchCommand::Overlay { path: Some(_), .. } => "overlay".to_owned(),
            SwitchCommand::Overlay { path: None, .. } => "hush".to_owned(),
            SwitchCommand::Bridge { leg, other } => format!("bridge {leg} {other}"),
            SwitchCommand::HangUp { leg, cause } => format!("hang_up {leg} {cause}"),
            SwitchCommand::AskVideo { .. } => "ask_video".to_owned(),
            SwitchCommand::OfferVideo { .. } => "offer_video".to_owned(),
            SwitchCommand::Call { leg, uri, .. } => format!("call {leg} {}", uri.as_str()),
            SwitchCommand::Confirm { leg, .. } => format!("confirm {leg}"),
            SwitchCommand::SendText { text, .. } => format!("text {text}"),
            SwitchCommand::Record { step, path, limit_s, keys, .. } => {
                (self.step, self.path) = (*step, Arc::clone(path));
                let name = path.rsplit('/').next().unwrap();
                format!("record {name} {limit_s} {}", keys_word(*keys))
            }
            SwitchCommand::Play { step, sounds, keys, .. } => {
                self.step = *step;
                let sounds: Vec<String> = sounds.iter().map(sound_word).collect();
                format!("play {} {}", sounds.join(" "), keys_word(*keys))
            }
        }
    }
}

fn sound_word(sound: &Sound) -> String {
    match sound {
        Sound::File(path) => {
            let name = path.rsplit('/').next().unwrap();
            let name = name.strip_suffix(".wav").unwrap_or(name);
            name.get(..24).unwrap_or(name).to_owned()
        }
        Sound::Beep => "beep".to_owned(),
        Sound::Silence { ms } => ms.to_string(),
    }
}

fn keys_word(keys: Keys) -> String {
    match keys {
        Keys::None => "(none)".to_owned(),
        Keys::Any => "(any)".to_owned(),
        Keys::EndOrSwitch { switch: '#' } => "(#)".to_owned(),
        Keys::EndOrSwitch { switch } => format!("(# {switch})"),
    }
}
