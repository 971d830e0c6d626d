//! The switches of the configuration, connected.

use std::sync::{Arc, OnceLock, Weak};

use crate::config::Config;
use crate::desk::Input;
use crate::domain::{SwitchEvent, SwitchId};
use crate::freeswitch::{Patience, Secret, Sink, Switch, SwitchConfig};

use super::super::house::House;

/// Where the dialplan takes legs that nobody cares for (`dialplan/hallporter.xml`).
const FALLBACK: &str = "_hallporter_fallback XML hallporter";

/// Starts to connect all switches.
pub(super) fn start(house: &Arc<House>, config: &Config) -> Vec<Switch> {
    let house = Arc::downgrade(house);
    let switches = config.switches.iter().zip(0u8..).map(|(switch, id)| {
        let (host, port) = switch.event_socket.rsplit_once(':').unwrap_or(("127.0.0.1", "8021"));
        let config = SwitchConfig {
            id: SwitchId(id),
            name: switch.name.as_str().into(),
            host: host.into(),
            port: port.parse().unwrap_or(8021),
            password: Secret::new(switch.password.expose()),
            profile: switch.profile.as_str().into(),
            routes: switch.routes,
            fallback: FALLBACK.into(),
            patience: Patience::default(),
        };
        Switch::start(config, sink(Weak::clone(&house)))
    });
    switches.collect()
}

/// What a switch tells before the house is furnished comes too early: nothing could be answered.
/// It is told again, for the first thing that is done on a connection is reading the list.
fn sink(house: Weak<House>) -> Sink {
    let furnished: OnceLock<()> = OnceLock::new();
    Arc::new(move |switch, event: SwitchEvent| {
        let Some(house) = house.upgrade() else { return };
        if furnished.get().is_none() && house.mail().is_none() {
            return;
        }
        let _ = furnished.set(());
        let event = match house.nodes() {
            Some(nodes) => nodes.rows.own_of_switch(&house, nodes, event),
            None => event,
        };
        house.handle(Input::Switch { switch, event });
    })
}
