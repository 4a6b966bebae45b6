//! A server that goes away and comes back: what lies between it and those who use it.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

#[derive(Clone, Default)]
struct Ways(Arc<Mutex<(bool, Vec<TcpStream>)>>);

pub(crate) struct Proxy {
    pub(crate) port: u16,
    ways: Ways,
}

impl Proxy {
    /// In front of a server.
    pub(crate) fn new(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let ways = Ways::default();
        let known = ways.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(&server) else { continue };
                let mut known = known.0.lock().unwrap();
                // Nobody is let through: the connection is closed.
                if known.0 {
                    continue;
                }
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    std::thread::spawn(move || carry(from, to));
                }
                known.1.extend([client, server]);
            }
        });
        Self { port, ways }
    }

    /// From now on nobody reaches the server.
    pub(crate) fn close(&self) {
        let mut ways = self.ways.0.lock().unwrap();
        ways.0 = true;
        for way in ways.1.drain(..) {
            let _ = way.shutdown(Shutdown::Both);
        }
    }

    pub(crate) fn open(&self) {
        self.ways.0.lock().unwrap().0 = false;
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream) {
    let mut bytes = [0; 8192];
    while let Ok(read @ 1..) = from.read(&mut bytes) {
        if to.write_all(&bytes[..read]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
    let _ = from.shutdown(Shutdown::Both);
}
