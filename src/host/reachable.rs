//! Whether somebody listens at an address.

use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use super::State;
use crate::sys::descriptor::Interest;
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
}
