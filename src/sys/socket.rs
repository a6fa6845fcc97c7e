//! Connections that are tried without blocking.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

/// Begins to connect to an address. Source: connect(2), `EINPROGRESS`.
///
/// # Returns
///
/// What polls as writable once it is decided; `None` if it is refused at once.
///
/// # Errors
///
/// As socket(2); an address of a family that the system does not have is refused.
pub fn connect(address: &SocketAddr) -> io::Result<Option<OwnedFd>> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = match socket_with(family, SocketType::STREAM, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC, None) {
        Err(Errno::AFNOSUPPORT) => return Ok(None),
        socket => socket?,
    };
    Ok(match rustix::net::connect(&socket, address) {
        Ok(()) | Err(Errno::INPROGRESS | Errno::INTR) => Some(socket),
        Err(_) => None,
    })
}

/// Whether a connection that is decided was made. One whose other end has hung up meanwhile was.
///
/// A port that the system has lent to the socket itself answers, too: connections that begin at both ends at once meet.
/// Source: RFC 9293, 3.5.
#[must_use]
pub fn is_connected(socket: OwnedFd) -> bool {
    let stream = TcpStream::from(socket);
    match (stream.take_error(), stream.local_addr(), stream.peer_addr()) {
        (Ok(None), Ok(own), Ok(peer)) => own != peer,
        (Ok(Some(error)), ..) => matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn a_connection_to_itself_is_none() {
        let socket = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None);
        let socket = socket.expect("there is a socket");
        rustix::net::bind(&socket, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).expect("a port is free");
        let own = TcpStream::from(socket.try_clone().expect("there is a descriptor")).local_addr();
        rustix::net::connect(&socket, &own.expect("it is bound")).expect("it meets itself");
        assert!(!is_connected(socket));
    }
}
