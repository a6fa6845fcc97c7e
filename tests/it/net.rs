//! `net::…`, on loopback.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::time::Duration;

use nix::sys::signal::Signal;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, listen, socket_with};

use crate::harness::{code, refuses};

#[test]
fn a_free_port_can_be_bound() {
    let output = code("print(net::free_port());").run();
    let port: u16 = output.out().trim().parse().unwrap_or_else(|_| panic!("{output}"));
    // Another test may have it meanwhile: then it listens there, and it was free.
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    assert!(port > 0 && (free.is_ok() || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()), "{output}");
}

#[test]
fn a_port_is_reachable_where_somebody_listens() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let port = listener.local_addr().expect("it is bound").port();
    let script = format!("for host in [\"127.0.0.1\", \"localhost\"] {{ print(net::reachable(host, {port})); }}");
    code(&script).run().expect(0, "true\ntrue\n");
}

#[test]
fn a_port_is_not_reachable_where_nobody_listens() {
    // Bound, it is nobody else's.
    let (_socket, port) = bound();
    let script = format!("for host in [\"127.0.0.1\", \"localhost\"] {{ print(net::reachable(host, {port})); }}");
    code(&script).run().expect(0, "false\nfalse\n");
}

#[test]
fn an_address_of_version_6_is_a_host() {
    // Where the system has no such addresses, there is nothing to reach.
    let listener = TcpListener::bind((Ipv6Addr::LOCALHOST, 0));
    let port = listener.as_ref().map_or(1, |listener| listener.local_addr().expect("it is bound").port());
    code(&format!("print(net::reachable(\"::1\", {port}));")).run().expect(0, &format!("{}\n", listener.is_ok()));
}

#[test]
fn a_server_that_can_be_reached_sees_a_connection_that_ends() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let port = listener.local_addr().expect("it is bound").port();
    code(&format!("print(net::reachable(\"127.0.0.1\", {port}));")).run().expect(0, "true\n");
    let (mut stream, _) = listener.accept().expect("it was connected");
    assert_eq!(std::io::Read::read(&mut stream, &mut [0; 8]).expect("it ends well"), 0);
}

/// A socket that has a port and does not listen.
fn bound() -> (OwnedFd, u16) {
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None);
    let socket = socket.expect("there is a socket");
    bind(&socket, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).expect("a port is free");
    let own = TcpStream::from(socket.try_clone().expect("there is a descriptor")).local_addr();
    (socket, own.expect("it is bound").port())
}

/// A port at which connections are neither made nor refused, because nobody takes those that wait.
struct Silent {
    port: u16,
    _open: (OwnedFd, Vec<TcpStream>),
}

fn silent() -> Silent {
    let (listener, port) = bound();
    listen(&listener, 1).expect("it listens");
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let connect = || TcpStream::connect_timeout(&address, Duration::from_millis(300)).ok();
    let waiting: Vec<_> = std::iter::from_fn(connect).take(16).collect();
    assert!(waiting.len() < 16, "nothing waits");
    Silent { port, _open: (listener, waiting) }
}

#[test]
fn a_port_that_does_not_answer_is_waited_for_a_second() {
    let silent = silent();
    let script = format!(
        "let start = time::now(); print(net::reachable(\"127.0.0.1\", {})); print(time::since(start) >= 0.99);",
        silent.port
    );
    code(&script).run().expect(0, "false\ntrue\n");
}

#[test]
fn a_signal_ends_the_wait_for_an_answer() {
    let silent = silent();
    let script = format!(
        "let start = time::now(); atexit(|| print(time::since(start) < 0.99)); print(\"trying\");
        net::reachable(\"127.0.0.1\", {}); print(\"went on\");",
        silent.port
    );
    // On a machine with much to do the second may pass before the signal is sent; not every time.
    let is_at_once = (0..20).any(|_| {
        let mut live = code(&script).start();
        live.wait_for("trying").signal(Signal::SIGTERM);
        let output = live.finish();
        output.expect_code(143);
        assert!(!output.out().contains("went on"), "{output}");
        output.out() == "trying\ntrue\n"
    });
    assert!(is_at_once);
}

#[test]
fn a_handler_can_try_a_port() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let port = listener.local_addr().expect("it is bound").port();
    code(&format!("atexit(|| print(net::reachable(\"127.0.0.1\", {port}))); kill(pid(), \"TERM\");"))
        .run()
        .expect(143, "true\n");
}

#[test]
fn what_is_no_host_or_port_is_refused() {
    let host = "net::reachable: expected a name or an address, without a scheme or a port, not";
    refuses("net::reachable(\"127.0.0.1:80\", 80);", &format!("{host} the string \"127.0.0.1:80\""));
    refuses("net::reachable(\"http://localhost\", 80);", &format!("{host} the string \"http://localhost\""));
    refuses("net::reachable(\"\", 80);", &format!("{host} the string \"\""));
    refuses("net::reachable(5, 80);", &format!("{host} `5`"));
    for port in ["0", "65536", "-1", "80.5"] {
        let expected = format!("net::reachable: expected a port (1 to 65535), not `{port}`");
        refuses(&format!("net::reachable(\"localhost\", {port});"), &expected);
    }
}
