//! What a FreeSWITCH without a proxy asks (`mod_xml_curl`): who rings.

use crate::freeswitch::{self, Around, Question};

use super::house::Visit;
use super::reply::{Problem, Reply};
use super::route::tell;

/// `POST /v1/freeswitch/{name}/dialplan`. Whatever is not answered 200 leaves the call to the
/// switch's own files.
pub(super) async fn answer(visit: &Visit<'_>) -> Result<Reply, Problem> {
    const XML: &str = "text/xml";
    let (porter, meter) = (&visit.house.porter, &visit.house.meter);
    let began_us = porter.stopwatch_us();
    let asked = freeswitch::read_question(&visit.body).map_err(|error| {
        tracing::warn!(%error, "a switch's question could not be read, it was answered 400");
        Problem::wrong(error.to_string())
    })?;
    let Some(switch) = porter.calling_switch(visit.param(0)) else {
        return Err(Problem::missing("no switch of this name asks who rings")
            .hint("its section [[freeswitch]] needs routes = true"));
    };
    let Some(Question { mut query, dialled }) = asked else {
        return Ok(Reply::text(XML, freeswitch::not_found()));
    };
    query.switch = Some(switch.id);
    let mut aors = Vec::new();
    porter.read(&mut |desk, _| aors = desk.addresses_to_look_up(&query));
    let decision = porter.route(Box::new(query)).await;
    tell(&decision);
    let (profile, prompts) = (&*switch.profile, &*switch.prompts);
    let around = Around { dialled: &dialled, profile, prompts, aors: &aors };
    let plan = freeswitch::plan(&decision, around);
    meter.routed(porter.stopwatch_us().saturating_sub(began_us));
    Ok(Reply::text(XML, plan))
}
