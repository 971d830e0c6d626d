//! Session descriptions, as far as phones with PCMU and one video codec need them (RFC 3264).

use std::net::{IpAddr, SocketAddr};

/// How a picture is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Codec {
    Vp8,
    H264,
}

impl Codec {
    fn name(self) -> &'static str {
        match self {
            Self::Vp8 => "VP8",
            Self::H264 => "H264",
        }
    }

    /// The payload type in offers of our own.
    fn kind(self) -> u8 {
        match self {
            Self::Vp8 => 96,
            Self::H264 => 97,
        }
    }
}

/// What the other end has described.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sdp {
    /// Where sound goes.
    pub(crate) audio: Option<SocketAddr>,
    /// The payload type of keys.
    pub(crate) keys: Option<u8>,
    /// There is a line for video, refused or not.
    pub(crate) has_video: bool,
    /// Where the picture goes, and all codecs with their payload types.
    pub(crate) video: Option<(SocketAddr, Vec<(Codec, u8)>)>,
}

impl Sdp {
    pub(crate) fn read(text: &str) -> Self {
        let mut sdp = Self::default();
        let mut ip: Option<IpAddr> = None;
        let mut medium = "";
        for line in text.lines().map(str::trim_end) {
            let words: Vec<&str> = line.split(' ').collect();
            match (line.get(..2), words.as_slice()) {
                (Some("c="), [.., address]) => {
                    ip = address.parse().ok();
                    if let (Some(ip), Some((video, _))) = (ip, &mut sdp.video)
                        && medium == "video"
                    {
                        video.set_ip(ip);
                    }
                }
                (Some("m="), [kind, port, ..]) => {
                    medium = &kind[2..];
                    sdp.has_video |= medium == "video";
                    let port: u16 = port.parse().unwrap_or_default();
                    let at = ip.filter(|_| port > 0).map(|ip| SocketAddr::new(ip, port));
                    match medium {
                        "audio" => sdp.audio = at,
                        "video" => sdp.video = at.map(|at| (at, Vec::new())),
                        _ => {}
                    }
                }
                (Some("a="), [map, coding, ..]) => sdp.mapped(map, coding),
                _ => {}
            }
        }
        sdp
    }

    fn mapped(&mut self, map: &str, coding: &str) {
        let Some(Ok(kind)) = map.strip_prefix("a=rtpmap:").map(str::parse) else { return };
        let codec = match coding.split('/').next() {
            Some("telephone-event") if coding.ends_with("/8000") => {
                self.keys = Some(kind);
                return;
            }
            Some("VP8") => Codec::Vp8,
            Some("H264") => Codec::H264,
            _ => return,
        };
        if let Some((_, codecs)) = &mut self.video {
            codecs.push((codec, kind));
        }
    }

    /// Where a codec's picture goes, with its payload type.
    pub(crate) fn shows(&self, codec: Codec) -> Option<(SocketAddr, Codec, u8)> {
        let (at, codecs) = self.video.as_ref()?;
        codecs.iter().find(|(known, _)| *known == codec).map(|(_, kind)| (*at, codec, *kind))
    }
}

/// What is in a description of our own.
pub(crate) struct Ours {
    pub(crate) ip: IpAddr,
    pub(crate) audio: u16,
    /// The payload type of keys.
    pub(crate) keys: u8,
    pub(crate) video: VideoLine,
    pub(crate) version: u32,
}

/// The line for video.
#[derive(Clone, Copy)]
pub(crate) enum VideoLine {
    /// There is none.
    Absent,
    /// It is refused.
    Refused,
    /// A port, the codec, its payload type.
    Shown(u16, Codec, Option<u8>),
}

impl Ours {
    pub(crate) fn text(&self) -> String {
        let Self { ip, audio, keys, version, .. } = self;
        let mut text = format!(
            "v=0\r\no=phone 1 {version} IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n\
             m=audio {audio} RTP/AVP 0 {keys}\r\na=rtpmap:0 PCMU/8000\r\n\
             a=rtpmap:{keys} telephone-event/8000\r\na=fmtp:{keys} 0-15\r\na=ptime:20\r\n"
        );
        match self.video {
            VideoLine::Absent => {}
            VideoLine::Refused => text += "m=video 0 RTP/AVP 96\r\n",
            VideoLine::Shown(port, codec, kind) => {
                let (kind, name) = (kind.unwrap_or_else(|| codec.kind()), codec.name());
                text += &format!("m=video {port} RTP/AVP {kind}\r\n");
                text += &format!("a=rtpmap:{kind} {name}/90000\r\na=rtcp-fb:{kind} nack pli\r\n");
                if codec == Codec::H264 {
                    text +=
                        &format!("a=fmtp:{kind} profile-level-id=42e01f;packetization-mode=1\r\n");
                }
            }
        }
        text
    }
}

#[test]
fn descriptions_are_read() {
    let ip: IpAddr = [127, 0, 0, 1].into();
    let video = VideoLine::Shown(4002, Codec::H264, Some(102));
    let text = Ours { ip, audio: 4000, keys: 96, video, version: 1 }.text();
    let sdp = Sdp::read(&text);
    assert_eq!((sdp.audio, sdp.keys), (Some(SocketAddr::new(ip, 4000)), Some(96)));
    assert_eq!(sdp.shows(Codec::H264), Some((SocketAddr::new(ip, 4002), Codec::H264, 102)));
    assert!(sdp.shows(Codec::Vp8).is_none());
    let refused = Sdp::read("c=IN IP4 127.0.0.1\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 VP8/90000");
    assert!(refused.has_video && refused.video.is_none());
}
