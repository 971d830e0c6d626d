//! Recordings as a test makes them, and as nodes have and give them.

use std::path::PathBuf;
use std::process::Command;

use hallporter::domain::MessageId;
use serde_json::Value;

use super::world::Node;

/// Five seconds of sound, another for each pitch.
pub(super) fn sound(pitch: u8) -> Vec<u8> {
    sound_of(pitch, 80_000)
}

/// So many bytes of sound, an even number.
pub(super) fn sound_of(pitch: u8, bytes: u32) -> Vec<u8> {
    let samples = vec![pitch; bytes as usize];
    let mut wav = b"RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00".to_vec();
    wav[4..8].copy_from_slice(&(36 + bytes).to_le_bytes());
    wav.extend(8_000_u32.to_le_bytes());
    wav.extend(16_000_u32.to_le_bytes());
    wav.extend(b"\x02\x00\x10\x00data");
    wav.extend(bytes.to_le_bytes());
    wav.extend(samples);
    wav
}

/// Where a node keeps a recording.
pub(super) fn kept(node: &Node, content: &str) -> PathBuf {
    node.home.dir.join(format!("spool/files/{}/{content}", &content[..2]))
}

/// A message as a node shows it.
pub(super) fn message(node: &Node, id: MessageId) -> Value {
    let (_, body) = node.home.admin().ask("GET", &format!("/v1/messages/{id}"), &Value::Null);
    body
}

/// Whether a node's metrics have this line.
pub(super) fn metric(node: &Node, line: &str) -> bool {
    let page = node.home.admin().try_ask("GET", "/metrics", None).unwrap().1;
    page.lines().any(|one| one == line)
}

/// A recording as a node gives it.
pub(super) fn heard(node: &Node, id: MessageId) -> (u16, Vec<u8>) {
    let asked = Command::new("curl")
        .args(["-sS", "-w", "%{http_code}", "-H"])
        .arg(format!("Authorization: Bearer {}", node.home.token("admin")))
        .arg(format!("http://{}/v1/messages/{id}/file", node.home.address))
        .output()
        .unwrap();
    let (body, code) = asked.stdout.split_at(asked.stdout.len() - 3);
    (std::str::from_utf8(code).unwrap().parse().unwrap(), body.to_vec())
}
