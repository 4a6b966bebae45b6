//! As much of the protocol of [NATS](https://docs.nats.io/reference/reference-protocols/nats-protocol) as the example needs, which is
//! lines of text over a socket. The crate `async-nats` would do it all, and brings a hundred crates, TLS and a second syn among them.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;

/// A connection to a server.
pub(crate) struct Connection {
    reader: BufReader<TcpStream>,
}

fn unexpected(line: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the server says: {}", line.trim_end()))
}

impl Connection {
    /// Connects to a server that asks for no name.
    ///
    /// # Errors
    /// It cannot be reached, or does not let us in.
    pub(crate) fn open(address: &str) -> io::Result<Self> {
        let mut connection = Self { reader: BufReader::new(TcpStream::connect(address)?) };
        let greeting = connection.line()?;
        if !greeting.starts_with("INFO ") {
            return Err(unexpected(&greeting));
        }
        connection.write(b"CONNECT {\"verbose\":false,\"pedantic\":false}\r\n")?;
        connection.flush()?;
        Ok(connection)
    }

    /// Asks for the messages of a subject; from now on they arrive.
    pub(crate) fn subscribe(&mut self, subject: &str) -> io::Result<()> {
        self.write(format!("SUB {subject} 1\r\n").as_bytes())?;
        self.flush()
    }

    /// Publishes a message; when it returns, the server has it.
    pub(crate) fn publish(&mut self, subject: &str, message: &[u8]) -> io::Result<()> {
        self.write(format!("PUB {subject} {}\r\n", message.len()).as_bytes())?;
        self.write(message)?;
        self.write(b"\r\n")?;
        self.flush()
    }

    /// Blocks for the next message.
    pub(crate) fn next(&mut self) -> io::Result<Vec<u8>> {
        loop {
            let line = self.line()?;
            if let Some(message) = line.strip_prefix("MSG ") {
                let length = message.split_whitespace().last().and_then(|length| length.parse().ok());
                let mut message = vec![0; length.ok_or_else(|| unexpected(&line))?];
                self.reader.read_exact(&mut message)?;
                self.reader.read_exact(&mut [0; 2])?;
                return Ok(message);
            } else if line.starts_with("-ERR") {
                return Err(unexpected(&line));
            }
        }
    }

    /// Waits until the server has read what was written.
    fn flush(&mut self) -> io::Result<()> {
        self.write(b"PING\r\n")?;
        loop {
            let line = self.line()?;
            if line.starts_with("PONG") {
                return Ok(());
            }
            if line.starts_with("-ERR") {
                return Err(unexpected(&line));
            }
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.reader.get_mut().write_all(bytes)
    }

    /// The next line that is not about whether we are there.
    fn line(&mut self) -> io::Result<String> {
        loop {
            let mut line = String::new();
            if self.reader.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if !line.starts_with("PING") {
                return Ok(line);
            }
            self.write(b"PONG\r\n")?;
        }
    }
}
