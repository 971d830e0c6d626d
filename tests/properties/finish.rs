//! The end of every walk: all calls are over, and each account carries as many again as it may.

use hallporter::desk::{Input, Output, Ticket};
use hallporter::domain::{Outcome, RouteQuery};

use super::deeds::Deed;
use super::model::ACCOUNTS;
use super::stage::{PROXIES, Stage, name, uri};

impl Stage {
    /// Everything ends: every right is free again, and exactly as many calls fit as before.
    pub(crate) fn finish(&mut self) {
        self.forced = true;
        for proxy in 0..PROXIES {
            self.act(&Deed::LookBegin { proxy, restarted: false });
            self.act(&Deed::LookEnd { proxy });
            self.act(&Deed::Wakeup);
        }
        for call_id in self.model.calls.keys().cloned().collect::<Vec<_>>() {
            let call = self.desk.find_call(&call_id).expect("the model knows it");
            self.handle(Input::Release { ticket: Ticket(0), call }, &[]);
        }
        assert!(self.model.calls.is_empty());
        self.check(&[[u32::MAX; 3]; ACCOUNTS]);
        for account in 0..ACCOUNTS {
            self.burst(account);
        }
    }

    fn burst(&mut self, account: usize) {
        let Some(cap) = self.model.burst(account) else { return };
        for above in self.model.line(Some(account)) {
            let strict = self.model.accounts[above].strict;
            self.enable(above, true, strict);
        }
        self.wait(50_000);
        let mut admitted = 0;
        for n in 0..cap + 3 {
            let query = RouteQuery {
                call_id: format!("burst-{account}-{n}").into(),
                ruri: uri(None).into(),
                account: Some(name(account)),
                ..RouteQuery::default()
            };
            let input = Input::Route { ticket: Ticket(3), query: Box::new(query) };
            self.desk.handle(input, self.now);
            let Some(Output::Answer { decision, .. }) = self.desk.poll() else { panic!("asked") };
            admitted += u32::from(matches!(decision.outcome, Outcome::Pass { .. }));
        }
        assert_eq!(admitted, cap, "account {account}: {:?}", self.model);
        for n in 0..cap {
            let call_id = format!("burst-{account}-{n}");
            let call = self.desk.find_call(&call_id).expect("admitted");
            self.desk.handle(Input::Release { ticket: Ticket(0), call }, self.now);
            while self.desk.poll().is_some() {}
        }
    }
}
