//! What hallporter is compared with: axum, as hallporter has it, answering a constant.

use std::net::SocketAddr;

use anyhow::Context as _;
use axum::Router;
use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::routing::post;
use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;

/// Serves the content of a file at `POST /v1/route`, for ever. The body is read; nothing else is
/// done: no token, no limit, no deadline, no metric, no log.
pub(crate) fn serve(mut words: impl Iterator<Item = String>) -> anyhow::Result<()> {
    let listen: SocketAddr = words.next().context("an address")?.parse()?;
    let answer = Bytes::from(std::fs::read(words.next().context("a file")?)?);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async move {
        let listener = TcpListener::bind(listen).await?.tap_io(|stream| {
            let _ = stream.set_nodelay(true);
        });
        let route = move |_question: Bytes| {
            let answer = answer.clone();
            async move { ([(CONTENT_TYPE, "application/json")], answer) }
        };
        axum::serve(listener, Router::new().route("/v1/route", post(route))).await?;
        Ok(())
    })
}
