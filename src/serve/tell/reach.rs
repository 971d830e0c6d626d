//! Bringing something to one device: where it is, and what it has answered.

use std::sync::Arc;

use crate::domain::{Contact, Notice, PushContact, SipUri, Target, Telling, Told};
use crate::kamailio::Words;
use crate::notify;

use super::super::house::House;
use super::super::proxy::{Proxy, Waiting, join_all};

/// Tells one device at every place where it is; how, if it has heard it at one of them. If its app
/// sleeps, whoever sends pushes is told when it has not.
pub(super) async fn tell(
    house: &Arc<House>,
    notice: &Notice,
    telling: &Telling,
    who: &Told,
) -> Result<String, String> {
    let device = house.desk().where_told(telling.account.as_str(), who).map_err(str::to_owned)?;
    let now_ms = house.now().wall_ms;
    let text;
    let words = match who {
        Told::Lamp(_) => {
            let mailbox = telling.mailbox.clone().ok_or("there is no mailbox")?;
            let (new, old) = house.in_store(move |store| store.messages_waiting(&mailbox)).await?;
            Words::Lamp(new, old)
        }
        Told::Text(_) | Told::Webhook => {
            let config = house.config();
            let language = config.messages.as_ref().map_or("en", |mail| mail.language.as_str());
            text = notify::sentence(telling, language, now_ms);
            Words::Text(&text)
        }
    };
    if house.proxies.is_empty() {
        return Err("no [[kamailio.proxy]] is configured that could tell it".to_owned());
    }
    let mut contact = None;
    let told = match &device.target {
        Target::Uri(uri) => return fixed(house, uri, words, &notice.id).await,
        Target::Aor(aor) => registered(house, aor, words, &notice.id, &mut contact).await,
        Target::Number(_) => return Err("it is a telephone number".to_owned()),
    };
    match (told, words, &house.pushes) {
        (Err(why), Words::Text(text), Some(pushes)) if device.push => {
            let (_, about) = notice.id.split_once(':').unwrap_or_default();
            let aor = device.shown_target();
            let (id, body) =
                notify::push_told(telling, about, (&device.name, &aor), contact.as_ref(), text);
            match pushes.show(&id, body).await {
                Ok(()) => Ok(format!("{why}; a push was asked for")),
                Err(push) => Err(format!("{why}; {push}")),
            }
        }
        (told, ..) => told,
    }
}

/// A device at an address of its own: the first proxy that answers sends it.
async fn fixed(
    house: &House,
    uri: &SipUri,
    words: Words<'_>,
    notice: &str,
) -> Result<String, String> {
    let contact = Contact { uri: uri.clone(), received: None, path: None };
    let mut trouble = String::new();
    for proxy in &house.proxies {
        match proxy.rpc.tell(uri, &contact, words, notice).await {
            Ok(code) => return verdict(code),
            Err(error) => trouble = error.to_string(),
        }
    }
    Err(trouble)
}

/// Every contact of an address of record, by the proxy at which it is registered. `said` is what one
/// of them says about push.
async fn registered(
    house: &House,
    aor: &SipUri,
    words: Words<'_>,
    notice: &str,
    said: &mut Option<PushContact>,
) -> Result<String, String> {
    let mut trouble: Vec<String> = Vec::new();
    let mut found: Vec<(&Proxy, Contact)> = Vec::new();
    let mut asked = false;
    for proxy in house.proxies.iter().filter(|proxy| proxy.config.lookup_aor) {
        asked = true;
        match proxy.contacts_now(aor).await {
            Ok(contacts) => {
                for contact in contacts {
                    // Proxies may have one table of registrations together.
                    if !found.iter().any(|(_, known)| known.uri == contact.uri) {
                        found.push((proxy, contact));
                    }
                }
            }
            Err(error) => trouble.push(error.to_string()),
        }
    }
    *said = found.iter().find_map(|(_, contact)| PushContact::in_uri(contact.uri.as_str()));
    if !asked {
        return Err("no proxy says where it is registered (lookup_aor)".to_owned());
    }
    if found.is_empty() && trouble.is_empty() {
        return Err("it is not registered".to_owned());
    }
    let told = found.iter().map(|(proxy, contact)| -> Waiting<'_, Result<String, String>> {
        Box::pin(async move {
            let told = proxy.rpc.tell(aor, contact, words, notice).await;
            told.map_err(|error| error.to_string()).and_then(verdict)
        })
    });
    for answer in join_all(told.collect()).await {
        match answer {
            Ok(heard) => return Ok(heard),
            Err(why) if trouble.contains(&why) => {}
            Err(why) => trouble.push(why),
        }
    }
    Err(trouble.join(", "))
}

fn verdict(code: u16) -> Result<String, String> {
    match code {
        200..=299 => Ok(format!("heard, {code}")),
        408 => Err("it does not answer".to_owned()),
        _ => Err(format!("SIP code {code}")),
    }
}
