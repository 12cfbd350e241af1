//! The local cloud listens on 127.0.0.1 only, which a container has one of its own of. So we listen where containers reach
//! this machine and pass on.

use std::io;
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;

use anyhow::{Context, Result};

/// A port that leads to another one for as long as this process runs.
#[derive(Debug)]
pub struct Forward {
    address: SocketAddr,
}

impl Forward {
    /// Listens on a free port of `host` and passes every connection on to `target`.
    ///
    /// # Errors
    /// When `host` is no address of this machine.
    pub fn start(host: IpAddr, target: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind((host, 0)).with_context(|| format!("cannot listen on {host}"))?;
        let address = listener.local_addr().context("cannot tell the port")?;
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // A client whose connection cannot be passed on sees it closed.
                thread::spawn(move || pass_on(client, target));
            }
        });
        Ok(Self { address })
    }

    /// The address as a URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

fn pass_on(client: TcpStream, target: SocketAddr) -> io::Result<()> {
    let server = TcpStream::connect(target)?;
    let (from_client, to_server) = (client.try_clone()?, server.try_clone()?);
    thread::spawn(move || copy(from_client, to_server));
    copy(server, client)
}

/// Until `from` ends; then `to` is told that nothing more comes.
fn copy(mut from: TcpStream, mut to: TcpStream) -> io::Result<()> {
    let copied = io::copy(&mut from, &mut to);
    to.shutdown(Shutdown::Write)?;
    copied.map(drop)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    #[test]
    fn what_is_said_at_one_end_is_heard_at_the_other_in_both_directions() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let forward = Forward::start([127, 0, 0, 1].into(), server.local_addr().unwrap()).unwrap();
        let answering = thread::spawn(move || {
            let (mut peer, _) = server.accept().unwrap();
            let mut heard = String::new();
            peer.read_to_string(&mut heard).unwrap();
            peer.write_all(heard.to_uppercase().as_bytes()).unwrap();
        });
        let mut client = TcpStream::connect(forward.address).unwrap();
        client.write_all(b"rows").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, "ROWS");
        answering.join().unwrap();
    }
}
