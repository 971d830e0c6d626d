//! Mailboxes, messages, deposits and notices, asked by the command line.

use std::io::Write;

use reqwest::Method;
use serde_json::Value;

use crate::domain::{GreetingName, MailboxName, Medium, MessageId, MessageState, NoticeState};
use crate::registry::MailboxPatch;

use super::super::wire::{
    DepositView, MailboxFilter, MailboxSpec, MailboxView, MediumBody, MessageEdit, MessageFilter,
    MessageView, NoticeFilter, NoticeView, Page, PageQuery,
};
use super::transport::{Answer, Client};

impl Client {
    /// A page of mailboxes in the order of their names.
    pub async fn mailboxes(
        &self,
        filter: &MailboxFilter,
        page: &PageQuery,
    ) -> Answer<Page<MailboxView>> {
        self.list(&["v1", "mailboxes"], filter, page).await
    }

    /// One mailbox.
    pub async fn mailbox(&self, name: &MailboxName) -> Answer<MailboxView> {
        self.get(&["v1", "mailboxes", name.as_str()], &()).await
    }

    /// A new mailbox.
    pub async fn mailbox_add(&self, spec: &MailboxSpec) -> Answer<MailboxView> {
        self.send(Method::POST, &["v1", "mailboxes"], spec).await
    }

    /// Changes to a mailbox.
    pub async fn mailbox_set(
        &self,
        name: &MailboxName,
        patch: &MailboxPatch,
    ) -> Answer<MailboxView> {
        self.send(Method::PATCH, &["v1", "mailboxes", name.as_str()], patch).await
    }

    /// Takes a mailbox away.
    pub async fn mailbox_remove(&self, name: &MailboxName) -> Answer<()> {
        self.delete(&["v1", "mailboxes", name.as_str()]).await
    }

    /// Gives a mailbox a greeting of its own, or one with a name: the bytes of a sound.
    pub async fn greeting_set(
        &self,
        name: &MailboxName,
        greeting: Option<&GreetingName>,
        sound: Vec<u8>,
    ) -> Answer<MailboxView> {
        self.put(&greeting_path(name, greeting), sound).await
    }

    /// Takes a mailbox's own greeting away, or the one with this name.
    pub async fn greeting_remove(
        &self,
        name: &MailboxName,
        greeting: Option<&GreetingName>,
    ) -> Answer<()> {
        self.delete(&greeting_path(name, greeting)).await
    }

    /// A page of messages, newest first.
    pub async fn messages(
        &self,
        filter: &MessageFilter,
        page: &PageQuery,
    ) -> Answer<Page<MessageView>> {
        self.list(&["v1", "messages"], filter, page).await
    }

    /// One message.
    pub async fn message(&self, id: MessageId) -> Answer<MessageView> {
        self.get(&["v1", "messages", &id.to_string()], &()).await
    }

    /// Marks a message as new, heard or saved.
    pub async fn message_set(&self, id: MessageId, state: MessageState) -> Answer<MessageView> {
        let edit = MessageEdit { state };
        self.send(Method::PATCH, &["v1", "messages", &id.to_string()], &edit).await
    }

    /// Deletes a message and its files.
    pub async fn message_remove(&self, id: MessageId) -> Answer<()> {
        self.delete(&["v1", "messages", &id.to_string()]).await
    }

    /// Writes a message's recording to `out`, all of it or one part; its size in bytes. The inner
    /// error is that of `out`; what was written then is not all.
    pub async fn message_file(
        &self,
        id: MessageId,
        part: Option<u16>,
        out: &mut dyn Write,
    ) -> Answer<std::io::Result<u64>> {
        let (id, part) = (id.to_string(), part.map(|part| part.to_string()));
        match &part {
            Some(part) => self.download(&["v1", "messages", &id, "parts", part], out).await,
            None => self.download(&["v1", "messages", &id, "file"], out).await,
        }
    }

    /// A page of messages that are being left.
    pub async fn deposits(&self, page: &PageQuery) -> Answer<Page<DepositView>> {
        self.list(&["v1", "deposits"], &(), page).await
    }

    /// Asks for the other medium in a deposit.
    pub async fn deposit_medium(&self, id: MessageId, medium: Medium) -> Answer<()> {
        let body = MediumBody { medium };
        self.ask(Method::POST, &["v1", "deposits", &id.to_string(), "medium"], &body).await
    }

    /// Ends a deposit; what was said is kept.
    pub async fn deposit_end(&self, id: MessageId) -> Answer<()> {
        self.ask(Method::POST, &["v1", "deposits", &id.to_string(), "end"], &Value::Null).await
    }

    /// A page of notices, of one state if wanted.
    pub async fn notices(
        &self,
        state: Option<NoticeState>,
        page: &PageQuery,
    ) -> Answer<Page<NoticeView>> {
        self.list(&["v1", "notices"], &NoticeFilter { state }, page).await
    }

    /// Tries a notice again at once.
    pub async fn notice_retry(&self, id: &str) -> Answer<()> {
        self.ask(Method::POST, &["v1", "notices", id, "retry"], &Value::Null).await
    }
}

fn greeting_path<'a>(name: &'a MailboxName, greeting: Option<&'a GreetingName>) -> Vec<&'a str> {
    let mut path = vec!["v1", "mailboxes", name.as_str()];
    match greeting {
        None => path.push("greeting"),
        Some(greeting) => path.extend(["greetings", greeting.as_str()]),
    }
    path
}
