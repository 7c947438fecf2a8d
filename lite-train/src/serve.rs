//! `lite-train serve`: the devices of this machine for trainings elsewhere, by Burn's server of remote devices.

use std::env;
use std::net::{SocketAddr, TcpListener};

use anyhow::{Context, bail};
use burn::server::{RemoteServer, TokenAuthorizer, WebSocketTransport};
use burn::tensor::Device;

/// The variable of the environment with the word that both sides have to know.
pub const TOKEN: &str = "LITE_TRAIN_TOKEN";

/// The word that both sides have to know, if there is one.
pub fn token() -> Option<String> {
    env::var(TOKEN).ok().filter(|token| !token.is_empty())
}

/// Serves `device` at `address` until the process is told to end; `listening(url)` is called once clients may come. Of an
/// address that stands for all of this machine's, such as 0.0.0.0, the url says no host that others could reach.
///
/// # Errors
///
/// The address is not this machine's own and there is no token, or it is taken.
pub fn serve(device: Device, address: SocketAddr, listening: impl FnOnce(&str)) -> anyhow::Result<()> {
    let token = token();
    if token.is_none() && !address.ip().is_loopback() {
        bail!(
            "{address} can be reached from other machines, and nothing says who may compute there\n\
             hint: set {TOKEN} here and where you train, or listen on 127.0.0.1"
        );
    }
    let listener = TcpListener::bind(address).with_context(|| format!("cannot listen on {address}"))?;
    let url = format!("ws://{}", listener.local_addr()?);
    let mut server = RemoteServer::new([device]);
    if let Some(token) = token {
        server = server.with_authorizer(TokenAuthorizer::new(token)?);
    }
    listening(&url);
    Ok(server.serve(WebSocketTransport::from_listener(listener))?)
}
