//! Whether somebody listens at an address.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use super::State;
use crate::sys::descriptor::Interest;
use crate::sys::getent::{self, Question};
use crate::sys::socket;

impl<H> State<H> {
    /// Whether a TCP connection to a port of a host can be made. All addresses of the host are tried at once, so that
    /// one that does not answer takes no time from the others.
    ///
    /// # Returns
    ///
    /// False also of a name that is not known, when the time is up, and if what runs must stop.
    ///
    /// # Errors
    ///
    /// No socket or no thread was to be had.
    pub fn is_reachable(&self, host: &str, port: u16, limit: Duration) -> io::Result<bool> {
        let until = Instant::now() + limit;
        let mut sockets = Vec::new();
        for address in self.addresses(host, port, until)? {
            sockets.extend(socket::connect(&address)?);
        }
        while !sockets.is_empty() && !self.stopped() {
            let is_last = Instant::now() >= until;
            let waited: Vec<_> = sockets.iter().map(|socket| (socket.as_fd(), Interest::Writable)).collect();
            let mut ready = self.block(&waited, Some(until))?.into_iter();
            let decided = sockets.extract_if(.., |_| ready.next() == Some(true));
            if decided.into_iter().any(socket::is_connected) {
                return Ok(true);
            }
            if is_last {
                break;
            }
        }
        Ok(false)
    }

    /// The addresses of a host, as the system looks them up; none if it is not known by then.
    fn addresses(&self, host: &str, port: u16, until: Instant) -> io::Result<Vec<SocketAddr>> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(vec![(address, port).into()]);
        }
        let name = host.to_string();
        let question = Question::default();
        let asked = question.clone();
        let look_up = move || getent::addresses(&name, port, &asked);
        let found = self.in_thread("lookup", Some(until), look_up)?;
        if found.is_none() {
            question.give_up();
        }
        // That a name is not known is no error: nobody listens there.
        Ok(found.and_then(Result::ok).unwrap_or_default())
    }
}
