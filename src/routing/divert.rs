//! What an account's people have set themselves: forwards, and "ring me here".

use crate::domain::{After, Device, DeviceName, Few, ForkOrder, Forward, StageCause, Step, Target};

use super::List;
use super::build::Build;
use super::follow::FORWARD_RING_S;
use super::forwarded::{Because, Forwarded, headers};

/// One forward that is carried out.
#[derive(Clone, Copy, Debug)]
pub struct Diverted<'a> {
    /// Which.
    pub forward: Forward,
    /// Where to.
    pub to: &'a Target,
}

impl Diverted<'_> {
    fn because(self) -> Because {
        match self.forward {
            Forward::All => Because::Unconditional,
            Forward::Busy => Because::After(StageCause::Busy),
            Forward::NoAnswer => Because::After(StageCause::NoAnswer),
            Forward::Unreachable => Because::After(StageCause::Unreachable),
        }
    }
}

/// An order in which one device rings alone. It is empty if that one cannot ring.
pub fn ring_here(
    list: &List<'_>,
    device: &Device,
    leads_back: impl Fn(&Target) -> bool,
    steps: &mut Vec<Step>,
) -> ForkOrder {
    let mut build = Build::new(list, leads_back, steps);
    build.device(device, (1, 0), device.ring_s, None);
    build.done()
}

/// Puts forwards behind an order. Each rings as what rang before all of them has failed, but for
/// one that is for all calls, and the one that follows an order in which nobody rings.
pub fn forward_behind(
    list: &List<'_>,
    order: ForkOrder,
    forwards: &[Diverted<'_>],
    from: Forwarded<'_>,
    leads_back: impl Fn(&Target) -> bool,
    steps: &mut Vec<Step>,
) -> ForkOrder {
    let Ok(name) = DeviceName::parse("forward") else { return order };
    let parts = order.stages.iter().filter_map(|stage| stage.after.as_ref());
    // A part of its own, so that all of them see the same failure and not each other's.
    let part = parts.map(|after| after.part).max().unwrap_or_default().saturating_add(1);
    let rings = !order.stages.is_empty();
    let mut build = Build::new(list, leads_back, steps).behind(order).limited();
    for diverted in forwards {
        let cause = diverted.forward.after().filter(|_| rings);
        build.only(cause.and_then(|cause| After::of(Few::default().with(cause as u8), part)));
        let (because, tried) = (diverted.because(), build.tried());
        let header = headers(from, list.gateway, diverted.to, because, &tried);
        build.forward(&name, diverted.to, FORWARD_RING_S, &header);
    }
    build.done()
}
