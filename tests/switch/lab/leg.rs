//! One call of a phone, from either end.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::clip::Video;
use super::media::Media;
use super::phone::{Dialled, Manners, Takes, VideoOffered};
use super::sdp::{Ours, Sdp, VideoLine};
use crate::live::sip::Message;
use crate::live::unique;

/// How long a request waits for a reply until it is sent again.
const REPEAT: Duration = Duration::from_millis(500);

/// What goes out, and where to.
pub(super) type Packet = (String, SocketAddr);

/// The state of a call.
pub(super) struct Leg {
    pub(super) id: String,
    pub(super) began: Instant,
    pub(super) peer: SocketAddr,
    dialled: Option<Dialled>,
    /// Our end and the other one, as From and To of our requests.
    local: String,
    pub(super) remote: String,
    target: String,
    routes: Vec<String>,
    pub(super) cseq: u32,
    branch: String,
    pub(super) heard: Vec<Message>,
    pub(super) asked: Vec<Message>,
    pub(super) settled: Option<Message>,
    /// A request that waits for its reply.
    pending: Option<(String, Instant)>,
    /// An INVITE of the other end that waits for ours.
    pub(super) open: Option<Message>,
    /// The last reply to an INVITE, for those who ask again.
    pub(super) replied: Option<(String, String)>,
    versions: u32,
    pub(super) audio: Media,
    pub(super) video: Option<Video>,
}

impl Leg {
    fn new(me: SocketAddr, id: String, peer: SocketAddr) -> Self {
        Self {
            id,
            began: Instant::now(),
            peer,
            dialled: None,
            local: String::new(),
            remote: String::new(),
            target: String::new(),
            routes: Vec::new(),
            cseq: 1,
            branch: unique("z9hG4bK"),
            heard: Vec::new(),
            asked: Vec::new(),
            settled: None,
            pending: None,
            open: None,
            replied: None,
            versions: 0,
            audio: Media::new(me.ip()),
            video: None,
        }
    }

    pub(super) fn dial(me: SocketAddr, dialled: Dialled) -> Self {
        let mut leg = Self::new(me, unique("call"), dialled.proxy);
        leg.local = format!("{};tag={}", dialled.from, unique("tag"));
        leg.remote = format!("<{}>", dialled.uri);
        leg.target.clone_from(&dialled.uri);
        leg.video = dialled.video.map(|_| Video::new(me.ip()));
        leg.dialled = Some(dialled);
        // The offer was the first; with the same number, what follows would be taken for the same
        // (RFC 3264 §8; FreeSWITCH does).
        leg.versions = 1;
        leg.pending = Some((leg.invite(me), Instant::now()));
        leg
    }

    pub(super) fn taken(me: SocketAddr, invite: &Message, from: SocketAddr) -> Self {
        let mut leg = Self::new(me, invite.call_id().to_owned(), from);
        let [to, other] = ["To", "From"].map(|name| invite.header(name).unwrap_or_default());
        leg.local = format!("{to};tag={}", unique("tag"));
        other.clone_into(&mut leg.remote);
        invite.contact().unwrap_or_default().clone_into(&mut leg.target);
        leg.routes = invite.headers("Record-Route").iter().map(|one| (*one).to_owned()).collect();
        leg
    }

    fn head(&self, method: &str, cseq: u32, branch: &str, me: SocketAddr) -> String {
        let Self { target, local, remote, id, .. } = self;
        let mut text = format!(
            "{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {me};branch={branch}\r\n\
             Max-Forwards: 70\r\nFrom: {local}\r\nTo: {remote}\r\nCall-ID: {id}\r\n\
             CSeq: {cseq} {method}\r\n"
        );
        for route in &self.routes {
            text += &format!("Route: {route}\r\n");
        }
        text
    }

    fn ours(&mut self, me: SocketAddr, keys: u8, video: VideoLine) -> String {
        self.versions += 1;
        let (ip, audio) = (me.ip(), self.audio.port);
        Ours { ip, audio, keys, video, version: self.versions }.text()
    }

    pub(super) fn invite(&self, me: SocketAddr) -> String {
        let dialled = self.dialled.as_ref().expect("it was dialled");
        let shown = self.video.as_ref().zip(dialled.video);
        let video =
            shown.map_or(VideoLine::Absent, |(own, codec)| VideoLine::Shown(own.port, codec, None));
        let (ip, audio) = (me.ip(), self.audio.port);
        let body = Ours { ip, audio, keys: 101, video, version: 1 }.text();
        self.head("INVITE", self.cseq, &self.branch, me) + &dialled.extra + &with(me, &body)
    }

    pub(super) fn request(&mut self, method: &str, rest: &str, me: SocketAddr) -> Packet {
        self.cseq += 1;
        let rest = if rest.is_empty() { "Content-Length: 0\r\n\r\n" } else { rest };
        let text = self.head(method, self.cseq, &unique("z9hG4bK"), me) + rest;
        self.pending = Some((text.clone(), Instant::now()));
        (text, self.peer)
    }

    pub(super) fn cancel(&mut self, me: SocketAddr) -> Packet {
        let text = self.head("CANCEL", self.cseq, &self.branch, me) + "Content-Length: 0\r\n\r\n";
        self.pending = Some((text.clone(), Instant::now()));
        (text, self.peer)
    }

    /// What has to be sent again now.
    pub(super) fn repeats(&mut self) -> Option<Packet> {
        let (text, sent) = self.pending.as_mut()?;
        (sent.elapsed() > REPEAT).then(|| {
            *sent = Instant::now();
            (text.clone(), self.peer)
        })
    }

    /// Takes in a message; gives what is to be sent for it.
    pub(super) fn hear(
        &mut self,
        message: Message,
        from: SocketAddr,
        me: SocketAddr,
        manners: Manners,
    ) -> Vec<Packet> {
        if message.code().is_some() {
            return self.replied_to(message, me).into_iter().collect();
        }
        let replies: Vec<String> = match message.method() {
            "INVITE" => self.invited(&message, me, manners),
            "CANCEL" => {
                let gone = self.open.take();
                let gone = gone.map(|invite| invite.reply("487 Gone", &self.tag(), ""));
                [message.reply("200 OK", "", "")].into_iter().chain(gone).collect()
            }
            "ACK" => Vec::new(),
            _ => vec![message.reply("200 OK", "", "")],
        };
        self.asked.push(message);
        replies.into_iter().map(|text| (text, from)).collect()
    }

    pub(super) fn tag(&self) -> String {
        self.local.rsplit("tag=").next().unwrap().to_owned()
    }

    /// A call that comes, or an offer in one that is up.
    fn invited(&mut self, invite: &Message, me: SocketAddr, manners: Manners) -> Vec<String> {
        let branch = invite.branch().to_owned();
        if let Some((of, reply)) = &self.replied
            && *of == branch
        {
            return vec![reply.clone()];
        }
        let within = invite.header("To").is_some_and(|to| to.contains(";tag="));
        let offer = Sdp::read(&invite.text);
        let refuses = offer.video.is_some() && manners.video == VideoOffered::Refuses;
        let reply = match (within, manners.takes) {
            (true, _) if offer.video.is_some() && manners.video == VideoOffered::Ignores => {
                return Vec::new();
            }
            (false, Takes::Ignores) => return Vec::new(),
            (false, Takes::Refuses(code)) => {
                invite.reply(&format!("{code} As Told"), &self.tag(), "")
            }
            _ if refuses => invite.reply("488 Not Acceptable Here", &self.tag(), ""),
            (false, Takes::Rings) => {
                self.open = Some(invite.clone());
                invite.reply("180 Ringing", &self.tag(), "")
            }
            (true, _) | (false, Takes::Answers) => self.accept(invite, me, manners),
        };
        self.replied = Some((branch, reply.clone()));
        vec![reply]
    }

    /// 200 with our description.
    pub(super) fn accept(&mut self, invite: &Message, me: SocketAddr, manners: Manners) -> String {
        let offer = Sdp::read(&invite.text);
        let shown = match manners.video {
            VideoOffered::Shows(codec) => offer.shows(codec),
            VideoOffered::Declines | VideoOffered::Refuses | VideoOffered::Ignores => None,
        };
        let line = if let Some((_, codec, kind)) = shown {
            let video = self.video.get_or_insert_with(|| Video::new(me.ip()));
            VideoLine::Shown(video.port, codec, Some(kind))
        } else if offer.has_video {
            VideoLine::Refused
        } else {
            VideoLine::Absent
        };
        if let Some(video) = &self.video {
            video.send_to(shown);
        }
        let keys = offer.keys.unwrap_or(101);
        self.audio.send_to(offer.audio, keys);
        let body = self.ours(me, keys, line);
        let reply = invite.reply("200 OK", &self.tag(), "");
        if self.settled.is_none() {
            self.settled = Some(Message { text: reply.clone() });
        }
        reply.replace("Content-Length: 0\r\n\r\n", &with(me, &body))
    }

    /// A reply to one of our requests.
    fn replied_to(&mut self, message: Message, me: SocketAddr) -> Option<Packet> {
        let code = message.code().unwrap_or_default();
        self.heard.push(message.clone());
        let of_invite = message.about() == "INVITE";
        if of_invite || code >= 200 {
            self.pending = None;
        }
        if !of_invite {
            return None;
        }
        if code < 300 && code != 100 {
            let answer = Sdp::read(&message.text);
            if answer.audio.is_some() {
                self.audio.send_to(answer.audio, answer.keys.unwrap_or(101));
                let codec = self.dialled.as_ref().and_then(|dialled| dialled.video);
                if let (Some(video), Some(codec)) = (&self.video, codec) {
                    video.send_to(answer.shows(codec));
                }
            }
        }
        if code < 200 {
            return None;
        }
        message.header("To").unwrap_or_default().clone_into(&mut self.remote);
        if self.settled.is_none() {
            self.settled = Some(message.clone());
        }
        if code >= 300 {
            let ack = self.head("ACK", self.cseq, &self.branch, me) + "Content-Length: 0\r\n\r\n";
            return Some((ack, self.peer));
        }
        if let Some(contact) = message.contact() {
            contact.clone_into(&mut self.target);
        }
        self.routes =
            message.headers("Record-Route").iter().rev().map(|one| (*one).to_owned()).collect();
        let cseq = message.header("CSeq").and_then(|cseq| cseq.split(' ').next()?.parse().ok());
        let ack = self.head("ACK", cseq.unwrap_or(self.cseq), &unique("z9hG4bK"), me);
        Some((ack + "Content-Length: 0\r\n\r\n", self.peer))
    }
}

/// The end of a message that has a description.
fn with(me: SocketAddr, body: &str) -> String {
    format!(
        "Contact: <sip:phone@{me}>\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n\
         {body}",
        body.len()
    )
}
