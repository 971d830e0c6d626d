//! A phone that speaks, listens, presses keys and shows a picture: one UDP socket, any number of
//! calls, made and taken.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::call::Call;
use super::leg::Leg;
use super::sdp::Codec;
use crate::live::sip::{Message, bytes};

/// What a phone does with a call that comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Takes {
    /// It rings until it is given up, or [`Call::answer`] is said.
    Rings,
    /// It is answered at once.
    Answers,
    /// It is refused at once.
    Refuses(u16),
    /// Nothing is said at all.
    Ignores,
}

/// What a phone does with an offer of video, in a call that comes or in one that is up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum VideoOffered {
    /// It shows its picture.
    Shows(Codec),
    /// It goes on with sound alone.
    Declines,
    /// It refuses the request (488).
    Refuses,
    /// It says nothing; only in a call that is up.
    Ignores,
}

/// How a phone behaves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manners {
    pub(crate) takes: Takes,
    pub(crate) video: VideoOffered,
    /// What it answers to a text; `0`: nothing.
    pub(crate) text_code: u16,
}

impl Default for Manners {
    fn default() -> Self {
        Self { takes: Takes::Answers, video: VideoOffered::Declines, text_code: 200 }
    }
}

/// A phone.
pub(crate) struct Phone {
    pub(crate) at: SocketAddr,
    pub(super) shared: Arc<Shared>,
    ear: Option<JoinHandle<()>>,
}

pub(super) struct Shared {
    pub(super) socket: UdpSocket,
    pub(super) me: SocketAddr,
    book: Mutex<Book>,
    pub(super) news: Condvar,
}

#[derive(Default)]
pub(super) struct Book {
    pub(super) legs: BTreeMap<String, Leg>,
    /// The Call-IDs of calls that came, in order.
    came: Vec<String>,
    manners: Manners,
    /// Texts outside calls.
    texts: Vec<String>,
    over: bool,
}

/// What is dialled, and how.
pub(crate) struct Dialled {
    pub(crate) uri: String,
    pub(crate) proxy: SocketAddr,
    pub(crate) from: String,
    /// Offered with the call.
    pub(crate) video: Option<Codec>,
    /// Further header lines, each with its CR LF.
    pub(crate) extra: String,
}

impl Phone {
    pub(crate) fn new(ip: IpAddr) -> Self {
        let socket = UdpSocket::bind((ip, 0)).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let me = socket.local_addr().unwrap();
        let book = Mutex::new(Book::default());
        let shared = Arc::new(Shared { socket, me, book, news: Condvar::new() });
        let hearing = Arc::clone(&shared);
        Self { at: me, shared, ear: Some(std::thread::spawn(move || hearing.listen())) }
    }

    /// How it behaves from now on.
    pub(crate) fn behaves(&self, manners: Manners) {
        self.shared.book().manners = manners;
    }

    /// Calls a user at a switch, with sound alone.
    pub(crate) fn call(&self, user: &str, switch: SocketAddr) -> Call {
        self.dial(self.dialled(user, switch))
    }

    /// The same with an offer of video.
    pub(crate) fn video_call(&self, user: &str, switch: SocketAddr, codec: Codec) -> Call {
        self.dial(Dialled { video: Some(codec), ..self.dialled(user, switch) })
    }

    /// A plain call, to be changed before it is dialled.
    pub(crate) fn dialled(&self, user: &str, switch: SocketAddr) -> Dialled {
        Dialled {
            uri: format!("sip:{user}@{switch}"),
            proxy: switch,
            from: format!("<sip:phone@{}>", self.at),
            video: None,
            extra: String::new(),
        }
    }

    pub(crate) fn dial(&self, dialled: Dialled) -> Call {
        let leg = Leg::dial(self.at, dialled);
        let (id, invite, to) = (leg.id.clone(), leg.invite(self.at), leg.peer);
        self.shared.book().legs.insert(id.clone(), leg);
        self.shared.send(&invite, to);
        Call { shared: Arc::clone(&self.shared), id }
    }

    /// The `number`-th call that comes (from 0), which must come.
    #[track_caller]
    pub(crate) fn comes(&self, number: usize, within: Duration) -> Call {
        let id = self.shared.once(within, |book| book.came.get(number).cloned());
        let id = id.unwrap_or_else(|| panic!("no call comes to the phone"));
        Call { shared: Arc::clone(&self.shared), id }
    }

    /// How many calls came.
    pub(crate) fn came(&self) -> usize {
        self.shared.book().came.len()
    }

    /// The first text (SIP MESSAGE) that contains this.
    pub(crate) fn text(&self, part: &str, within: Duration) -> Option<String> {
        self.shared.once(within, |book| book.texts.iter().find(|text| text.contains(part)).cloned())
    }
}

impl Drop for Phone {
    fn drop(&mut self) {
        let mut book = self.shared.book();
        book.over = true;
        // Their threads end while nobody holds the book.
        let legs = std::mem::take(&mut book.legs);
        drop(book);
        drop(legs);
        if let Some(ear) = self.ear.take() {
            let _ = ear.join();
        }
    }
}

impl Shared {
    pub(super) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn send(&self, text: &str, to: SocketAddr) {
        let _ = self.socket.send_to(&bytes(text), to);
    }

    /// Waits until it is as it should be, and takes something of it.
    pub(super) fn once<T>(
        &self,
        within: Duration,
        look: impl Fn(&mut Book) -> Option<T>,
    ) -> Option<T> {
        let end = Instant::now() + within;
        let mut book = self.book();
        loop {
            if let Some(found) = look(&mut book) {
                return Some(found);
            }
            let left = end.checked_duration_since(Instant::now())?;
            book = self.news.wait_timeout(book, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn listen(&self) {
        let mut packet = vec![0; 65_536];
        loop {
            let read = self.socket.recv_from(&mut packet);
            let mut book = self.book();
            if book.over {
                return;
            }
            if let Ok((count, from)) = read {
                self.hear(&mut book, Message::read(&packet[..count]), from);
                self.news.notify_all();
            }
            for leg in book.legs.values_mut() {
                if let Some((text, to)) = leg.repeats() {
                    self.send(&text, to);
                }
            }
        }
    }

    fn hear(&self, book: &mut Book, message: Message, from: SocketAddr) {
        let id = message.call_id().to_owned();
        let (manners, method) = (book.manners, message.method().to_owned());
        if let Some(leg) = book.legs.get_mut(&id) {
            for (text, to) in leg.hear(message, from, self.me, manners) {
                self.send(&text, to);
            }
            return;
        }
        match method.as_str() {
            "INVITE" => {
                let mut leg = Leg::taken(self.me, &message, from);
                for (text, to) in leg.hear(message, from, self.me, manners) {
                    self.send(&text, to);
                }
                book.came.push(id.clone());
                book.legs.insert(id, leg);
            }
            "MESSAGE" => {
                let body = message.text.split("\r\n\r\n").nth(1).unwrap_or_default();
                book.texts.push(body.to_owned());
                if manners.text_code > 0 {
                    let line = format!("{} As Told", manners.text_code);
                    self.send(&message.reply(&line, "phone", ""), from);
                }
            }
            "OPTIONS" | "NOTIFY" | "BYE" => {
                self.send(&message.reply("200 OK", "phone", ""), from);
            }
            _ => {}
        }
    }
}
