//! A port that is kept for one server.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::TcpSocket;

/// A port of this machine that the system gives to nobody else while this is held, its server up or down: bound, and never
/// listened on. The server asks for it by its number and, as all do, with `SO_REUSEADDR`.
#[derive(Debug)]
pub struct HeldPort {
    address: SocketAddr,
    _socket: TcpSocket,
}

impl HeldPort {
    /// Takes a free one.
    ///
    /// # Errors
    /// When none is free.
    pub fn take() -> io::Result<HeldPort> {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
        Ok(HeldPort { address: socket.local_addr()?, _socket: socket })
    }

    /// Its number.
    pub fn number(&self) -> u16 {
        self.address.port()
    }

    /// Where its server listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}
