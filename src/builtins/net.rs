//! `net::…`: ports that are free, and ports at which somebody listens.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener};
use std::time::Duration;

use rhai::{Dynamic, ImmutableString};

use super::error::{Error, stopped};
use super::{Call, CallResult, Registry, args};

/// So long `net::reachable` waits at most, for the name and the connection together.
const PATIENCE: Duration = Duration::from_secs(1);

/// Registers the builtins of this file.
pub fn register(registry: &mut Registry<'_>) {
    registry.add("net::free_port", |_, _| {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
        let refused = |error| Error::System { verb: "net::free_port", action: "find a free port".into(), error };
        Ok(i64::from(port.map_err(refused)?.port()).into())
    });
    registry.add("net::reachable", reachable);
}

fn reachable(call: &Call<'_>, given: &[Dynamic]) -> CallResult {
    let verb = "net::reachable";
    let wrong = |expected: &str, given| {
        let given = args::describe(call.engine(), given);
        Error::Argument { verb, expected: expected.into(), given }
    };
    let host = given[0].read_lock::<ImmutableString>().filter(|host| is_host(host));
    let host = host.ok_or_else(|| wrong("a name or an address, without a scheme or a port", &given[0]))?;
    let port = given[1].as_int().ok().and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0);
    let port = port.ok_or_else(|| wrong("a port (1 to 65535)", &given[1]))?;
    super::output::flush(call.host)?;
    let is_reachable = call.host.is_reachable(&host, port, PATIENCE);
    let action = format!("try port {port} of `{}`", host.as_str());
    let is_reachable = is_reachable.map_err(|error| Error::System { verb, action, error })?;
    if call.host.checkpoint() { Err(stopped()) } else { Ok(is_reachable.into()) }
}

/// Whether the text can be a host: what it can never be is a mistake, and not somebody who does not answer.
fn is_host(text: &str) -> bool {
    let is_name =
        !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c.is_control() || ":/[]".contains(c));
    // What follows the `%` is the interface. Source: RFC 4007, 11.
    let address = text.split('%').next().unwrap_or_default();
    is_name || text.parse::<IpAddr>().is_ok() || address.parse::<Ipv6Addr>().is_ok()
}
