//! The process at the other end of a connection on this machine.

use std::{
    fs,
    io::{Error, ErrorKind, Result},
    net::SocketAddr,
};

use rustix::process::{Pid, Signal, kill_process};

/// Kills the process whose end of a connection has this address, as a power cut would.
pub(crate) fn kill(address: SocketAddr) -> Result<()> {
    let socket = socket(address)?;
    let process = process_with(&socket)?;
    Ok(kill_process(process, Signal::KILL)?)
}

/// The socket with this local address, as links under `/proc/*/fd` name it
/// ([proc(5)](https://man7.org/linux/man-pages/man5/proc_net_tcp.5.html)).
fn socket(address: SocketAddr) -> Result<String> {
    let port = format!(":{:04X}", address.port());
    let sockets = fs::read_to_string("/proc/net/tcp")?;
    let mut fields = sockets.lines().skip(1).map(|line| line.split_ascii_whitespace().collect::<Vec<_>>());
    let found = fields.find_map(|fields| fields.get(1)?.ends_with(&port).then(|| format!("socket:[{}]", fields[9])));
    found.ok_or_else(|| Error::new(ErrorKind::NotFound, "nobody is connected from that port"))
}

fn process_with(socket: &str) -> Result<Pid> {
    for entry in fs::read_dir("/proc")?.filter_map(Result::ok) {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw) else { continue };
        // Those of others, and those that have ended meanwhile, can't be looked into.
        let Ok(open) = fs::read_dir(entry.path().join("fd")) else { continue };
        if open.filter_map(Result::ok).any(|file| fs::read_link(file.path()).is_ok_and(|target| target.as_os_str() == socket)) {
            return Ok(pid);
        }
    }
    Err(Error::new(ErrorKind::NotFound, "no process has that socket"))
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn the_process_behind_a_connection_is_found() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let _caller = TcpStream::connect(listener.local_addr().expect("bound")).expect("somebody listens");
        let (_accepted, address) = listener.accept().expect("somebody calls");
        let found = socket(address).and_then(|socket| process_with(&socket)).expect("this process calls");
        assert_eq!(found, rustix::process::getpid());
        drop(listener);
        assert!(process_with("socket:[0]").is_err());
    }
}
