//! A mailroom in memory.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;

use crate::domain::{
    Caller, ContentId, DepositCause, MailboxName, Medium, Message, MessageId, MessageState, NodeId,
    Notice, NoticeKind, NoticeState, Part, Stored,
};
use crate::http::wire::{Held, OutboxStatus, UploadView};

use super::*;

/// The largest upload, in bytes.
pub(super) const UPLOAD_BYTES_MAX: u64 = 300_000;
/// The link that can be used.
pub(super) const LINK: &str = "good-link_0";

#[derive(Default)]
pub(super) struct Mail {
    pub(super) messages: Mutex<BTreeMap<MessageId, Message>>,
    pub(super) files: Mutex<BTreeMap<ContentId, Vec<u8>>>,
    pub(super) notices: Mutex<Vec<Notice>>,
    pub(super) upload: Mutex<Upload>,
    /// The disk does not answer.
    pub(super) broken: AtomicBool,
    /// There are other nodes.
    pub(super) cluster: AtomicBool,
    /// Rung when a piece of an upload was taken.
    pub(super) came: tokio::sync::Notify,
}

/// What came by the link.
#[derive(Default)]
pub(super) struct Upload {
    pub(super) bytes: Vec<u8>,
    pub(super) total: Option<u64>,
    pub(super) complete: bool,
}

impl Mail {
    fn sound(&self) -> Result<(), String> {
        match self.broken.load(Ordering::Relaxed) {
            true => Err("the disk does not answer: look after it".to_owned()),
            false => Ok(()),
        }
    }

    /// A message of the first account whose parts hold these bytes.
    pub(super) fn leave(&self, number: u32, mailbox: &str, parts: &[(&str, &[u8])], join: bool) {
        let kept = |media_type: &str, bytes: &[u8]| {
            let mut content = [0; 32];
            content[..4].copy_from_slice(&number.to_be_bytes());
            content[4] = u8::try_from(self.files.lock().unwrap().len()).unwrap();
            let content = ContentId(content);
            self.files.lock().unwrap().insert(content, bytes.to_vec());
            let (media_type, bytes) = (media_type.into(), bytes.len() as u64);
            Stored { content, media_type, bytes, length_ms: 1000 }
        };
        let listed = parts.iter().zip(1..).map(|((media_type, bytes), number)| {
            let medium =
                if media_type.starts_with("audio") { Medium::Audio } else { Medium::Video };
            Part { number, medium, file: kept(media_type, bytes) }
        });
        let listed: Vec<_> = listed.collect();
        let all = parts.iter().flat_map(|(_, bytes)| bytes.to_vec()).collect::<Vec<_>>();
        let message = Message {
            id: MessageId::new(NodeId(1), 7, number),
            mailbox: MailboxName::parse(mailbox).unwrap(),
            account: AccountKey(0),
            caller: Caller { shown: "+15550100".into(), ..Caller::default() },
            call_id: "a@h".into(),
            cause: DepositCause::Busy,
            length_ms: 1000 * listed.len() as u64,
            joined: join.then(|| kept("video/mp4", &all)),
            parts: listed,
            urgent: false,
            state: MessageState::New,
            began_ms: i64::from(number),
            left_ms: i64::from(number) + 10,
            changed_ms: i64::from(number) + 10,
            holders: Vec::new(),
        };
        self.messages.lock().unwrap().insert(message.id, message);
    }

    pub(super) fn announce(&self, number: u32, state: NoticeState) {
        let body: Arc<str> = r#"{"from":"+15550100"}"#.into();
        let notice =
            Notice::new(NoticeKind::MessageLeft, MessageId::new(NodeId(1), 7, number), body, 5);
        self.notices.lock().unwrap().push(Notice { state, ..notice });
    }
}

fn answer<'a, T: Send + 'a>(value: T) -> BoxFuture<'a, T> {
    Box::pin(async move { value })
}

impl Mailroom for Fake {
    fn wants_copies(&self) -> bool {
        self.mail.cluster.load(Ordering::Relaxed)
    }

    fn held(&self, mailbox: MailboxName) -> BoxFuture<'_, Result<Held, String>> {
        let messages = self.mail.messages.lock().unwrap();
        let own = messages.values().filter(|message| message.mailbox == mailbox);
        let own = own.filter(|message| message.state != MessageState::Deleted);
        let held = own.fold(Held::default(), |held, message| Held {
            messages: held.messages + 1,
            bytes: held.bytes + message.parts.iter().map(|part| part.file.bytes).sum::<u64>(),
        });
        answer(self.mail.sound().map(|()| held))
    }

    fn messages(&self, wanted: MessageQuery) -> BoxFuture<'_, Result<Vec<Message>, String>> {
        let fits = |message: &&Message| {
            wanted.mailbox.as_ref().is_none_or(|name| *name == message.mailbox)
                && wanted.account.is_none_or(|account| account == message.account)
                && match wanted.state {
                    Some(state) => state == message.state,
                    None => message.state != MessageState::Deleted,
                }
                && wanted.after.is_none_or(|after| (message.left_ms, message.id) < after)
        };
        let messages = self.mail.messages.lock().unwrap();
        let found = messages.values().rev().filter(fits).take(wanted.limit).cloned().collect();
        answer(self.mail.sound().map(|()| found))
    }

    fn message(&self, id: MessageId) -> BoxFuture<'_, Result<Option<Message>, String>> {
        let found = self.mail.messages.lock().unwrap().get(&id).cloned();
        answer(self.mail.sound().map(|()| found))
    }

    fn set_message(
        &self,
        id: MessageId,
        state: MessageState,
    ) -> BoxFuture<'_, Result<Option<Message>, String>> {
        let mut messages = self.mail.messages.lock().unwrap();
        let known = messages.get_mut(&id).filter(|known| known.state != MessageState::Deleted);
        let set = known.map(|known| {
            known.state = state;
            known.clone()
        });
        answer(self.mail.sound().map(|()| set))
    }

    fn open_file(&self, content: ContentId) -> BoxFuture<'_, Result<(File, u64), FileError>> {
        static OPENED: AtomicU64 = AtomicU64::new(0);
        let files = self.mail.files.lock().unwrap();
        let Some(bytes) = files.get(&content) else { return answer(Err(FileError::Gone)) };
        let number = OPENED.fetch_add(1, Ordering::Relaxed);
        let name = format!("hallporter-http-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        File::create_new(&path).unwrap().write_all(bytes).unwrap();
        let file = File::open(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        answer(Ok((file, bytes.len() as u64)))
    }

    fn wish(&self, message: MessageId, medium: Medium) -> bool {
        let known = |output| matches!(output, Output::Known(true));
        self.handle(Input::Wish { message, medium }).into_iter().any(known)
    }

    fn end_deposit(&self, message: MessageId) -> bool {
        let known = |output| matches!(output, Output::Known(true));
        self.handle(Input::EndDeposit { message }).into_iter().any(known)
    }

    fn keep_sound(&self, sound: Vec<u8>) -> BoxFuture<'_, Result<ContentId, SoundError>> {
        if !sound.starts_with(b"RIFF") {
            return answer(Err(SoundError::NotSound("this is no sound: send a wav".to_owned())));
        }
        let content = ContentId([u8::try_from(sound.len() % 251).unwrap(); 32]);
        self.mail.files.lock().unwrap().insert(content, sound);
        answer(self.mail.sound().map(|()| content).map_err(SoundError::NotNow))
    }

    fn outbox(&self) -> BoxFuture<'_, Result<OutboxStatus, String>> {
        let notices = self.mail.notices.lock().unwrap();
        let count = |state| notices.iter().filter(|one| one.state == state).count() as u64;
        let (waiting, given_up) = (count(NoticeState::Waiting), count(NoticeState::GivenUp));
        answer(self.mail.sound().map(|()| OutboxStatus { waiting, given_up }))
    }

    fn notices(
        &self,
        state: Option<NoticeState>,
        after: String,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Notice>, String>> {
        let notices = self.mail.notices.lock().unwrap();
        let fits = |one: &&Notice| *one.id > *after && state.is_none_or(|state| state == one.state);
        answer(Ok(notices.iter().filter(fits).take(limit).cloned().collect()))
    }

    fn retry_notice(&self, id: String) -> BoxFuture<'_, Result<bool, String>> {
        let mut notices = self.mail.notices.lock().unwrap();
        let known = notices.iter_mut().find(|one| *one.id == *id);
        let known = known.map(|one| one.state = NoticeState::Waiting).is_some();
        answer(self.mail.sound().map(|()| known))
    }

    fn upload(&self, link: String) -> BoxFuture<'_, Result<UploadView, UploadError>> {
        Box::pin(async move {
            let upload = self.mail.upload.lock().unwrap();
            match link.as_str() {
                "expired" => Err(UploadError::Gone("this link has expired".to_owned())),
                LINK if upload.complete => {
                    Err(UploadError::Gone("this link was used already".to_owned()))
                }
                LINK => Ok(view(&upload)),
                _ => Err(UploadError::Unknown),
            }
        })
    }

    fn take_upload<'a>(
        &'a self,
        link: String,
        piece: UploadPiece,
        body: &'a mut Incoming,
    ) -> BoxFuture<'a, Result<UploadView, UploadError>> {
        Box::pin(async move {
            assert_eq!(link, LINK, "another one was not let in");
            if piece.media_type != "video/mp4" {
                return Err(UploadError::NotTaken("this is no video that is taken".to_owned()));
            }
            {
                let mut upload = self.mail.upload.lock().unwrap();
                if piece.offset == 0 {
                    upload.bytes.clear();
                }
                let have = upload.bytes.len() as u64;
                if have != piece.offset {
                    return Err(UploadError::Elsewhere { have });
                }
                upload.total = Some(piece.total);
            }
            while let Some(chunk) = body.next().await.map_err(|_| UploadError::BrokeOff)? {
                let mut upload = self.mail.upload.lock().unwrap();
                upload.bytes.extend_from_slice(&chunk);
                if upload.bytes.len() as u64 > piece.total {
                    upload.bytes.clear();
                    return Err(UploadError::TooLong("more came than was said".to_owned()));
                }
                self.mail.came.notify_one();
            }
            let mut upload = self.mail.upload.lock().unwrap();
            upload.complete = upload.bytes.len() as u64 == piece.total;
            Ok(view(&upload))
        })
    }
}

fn view(upload: &Upload) -> UploadView {
    UploadView {
        medium: Medium::Video,
        offset: upload.bytes.len() as u64,
        total: upload.total,
        bytes_max: UPLOAD_BYTES_MAX,
        expires_ms: 1_800_000_000_000,
        complete: upload.complete,
    }
}
