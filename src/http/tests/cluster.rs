//! The cluster's doors.

use super::wire::{ClusterView, InviteView, LeaveView, NodeView, Role, SpreadView, WorstView};
use super::*;
use crate::domain::{AccountName, PoolKind};

impl Council for Fake {
    fn closed(&self) -> Option<String> {
        let witness = self.cluster.lock().unwrap().as_ref()?.role == Role::Witness;
        witness.then(|| "this node is a witness: ask another one".to_owned())
    }

    fn cluster(&self, _: Option<AccountKey>) -> Result<ClusterView, CouncilError> {
        self.cluster.lock().unwrap().clone().ok_or(CouncilError::Alone)
    }

    fn spread(&self, _: AccountKey) -> BoxFuture<'_, Option<SpreadView>> {
        let clustered = self.cluster.lock().unwrap().is_some();
        let worst = WorstView { cap: PoolKind::Total, limit: 9, out: 5, overdraft: 3, revoked: 9 };
        Box::pin(
            async move { clustered.then(|| SpreadView { nodes: Vec::new(), worst: vec![worst] }) },
        )
    }

    fn found(&self, name: Option<String>) -> BoxFuture<'_, Result<(), CouncilError>> {
        Box::pin(async move {
            let mut cluster = self.cluster.lock().unwrap();
            if cluster.is_some() {
                return Err(CouncilError::Refused("there is a cluster already".to_owned()));
            }
            let own =
                NodeView { name: "a".to_owned(), here: true, up: true, ..NodeView::default() };
            *cluster = Some(ClusterView {
                cluster: name.unwrap_or_else(|| "hallporter".to_owned()),
                node: "a".to_owned(),
                quorum: true,
                voters: 1,
                nodes: vec![own],
                ..ClusterView::default()
            });
            Ok(())
        })
    }

    fn invite(&self, good_for_s: Option<u32>) -> BoxFuture<'_, Result<InviteView, CouncilError>> {
        Box::pin(async move {
            self.cluster(None)?;
            let expires_ms = i64::from(good_for_s.unwrap_or(7)) * 1_000;
            Ok(InviteView { token: "hallporter-join-x".to_owned(), expires_ms })
        })
    }

    fn remove_node(&self, name: String) -> BoxFuture<'_, Result<(), CouncilError>> {
        Box::pin(async move { Err(CouncilError::NoNode(name)) })
    }

    fn leave(&self, now: bool) -> BoxFuture<'_, Result<LeaveView, CouncilError>> {
        Box::pin(async move { Ok(LeaveView { calls: if now { 0 } else { 3 } }) })
    }

    fn set_voters(&self, names: Vec<String>) -> BoxFuture<'_, Result<(), CouncilError>> {
        Box::pin(async move {
            if names.is_empty() {
                return Err(CouncilError::Wrong("name some nodes".to_owned()));
            }
            Err(CouncilError::NotNow("there is no quorum".to_owned()))
        })
    }
}

#[tokio::test]
async fn a_node_alone_says_so_and_founds_one_cluster() {
    let house = house().await;
    let account = r#"{"name":"bob","max_calls":9}"#;
    let (status, body) = house.ask("POST", "/v1/accounts", ADMIN, account).await;
    assert!(status == 201 && body.get("cluster").is_none(), "{body}");
    let (_, body) = house.ask("GET", "/v1/accounts/bob", ADMIN, "").await;
    assert!(body["usage"].is_object() && body.get("cluster").is_none(), "{body}");
    for (method, path) in
        [("GET", "/v1/cluster"), ("GET", "/v1/cluster/doctor"), ("POST", "/v1/cluster/tokens")]
    {
        let (status, body) = house.ask(method, path, ADMIN, "{}").await;
        assert!(status == 409 && is_sentence(&body), "{path}: {status} {body}");
        assert_eq!(house.ask(method, path, ROUTE, "{}").await.0, 403, "{path}");
    }
    let (status, body) = house.ask("POST", "/v1/cluster", ADMIN, r#"{"name":"voice"}"#).await;
    assert_eq!((status, body["cluster"].as_str()), (201, Some("voice")));
    let (status, body) = house.ask("POST", "/v1/cluster", ADMIN, "{}").await;
    assert!(status == 409 && is_sentence(&body), "{body}");
    let (status, body) =
        house.ask("POST", "/v1/cluster/tokens", ADMIN, r#"{"good_for_s":60}"#).await;
    assert_eq!((status, &body["expires_ms"]), (201, &60_000.into()));
    assert_eq!(house.ask("GET", "/v1/cluster?account=nobody", ADMIN, "").await.0, 404);
    let client = house.client();
    let account = serde_json::json!({"name": "alice", "max_calls": 9}).to_string();
    assert_eq!(house.ask("POST", "/v1/accounts", ADMIN, account).await.0, 201);
    let shown = client.account(&AccountName::parse("alice").unwrap()).await.unwrap();
    assert_eq!(shown.cluster.unwrap().worst[0].revoked, 9);
    assert_eq!(client.cluster(None).await.unwrap().nodes[0].name, "a");
    assert_eq!(client.cluster_leave(true).await.unwrap().calls, 0);
    let told = client.cluster_doctor().await.unwrap().findings;
    assert!(told.iter().any(|finding| finding.what.contains("certificate")), "{told:?}");
}

#[tokio::test]
async fn what_can_not_be_done_has_its_status() {
    let house = house().await;
    for (method, path, body, want) in [
        ("DELETE", "/v1/cluster/nodes/x", "", 404),
        ("PUT", "/v1/cluster/voters", r#"{"names":[]}"#, 422),
        ("PUT", "/v1/cluster/voters", r#"{"names":["a"]}"#, 503),
        ("PUT", "/v1/cluster/voters", r#"{"names":7}"#, 400),
        ("POST", "/v1/cluster/leave", r#"{"when":1}"#, 400),
    ] {
        let (status, body) = house.ask(method, path, ADMIN, body).await;
        assert!(status == want && is_sentence(&body), "{path}: {status} {body}");
    }
}

#[tokio::test]
async fn a_witness_answers_no_calls() {
    let house = house().await;
    *house.fake.cluster.lock().unwrap() =
        Some(ClusterView { role: Role::Witness, ..ClusterView::default() });
    let (status, body) = house.ask("POST", "/v1/route", ROUTE, "{}").await;
    assert!(status == 503 && is_sentence(&body), "{status} {body}");
    assert_eq!(house.ask("GET", "/v1/status", ADMIN, "").await.0, 200);
}
