use std::{
    io,
    net::{TcpListener, TcpStream},
    sync::Arc,
    thread,
};

/// Serves every connection on a thread of its own, for as long as the tests run.
pub(crate) fn serve_each(listener: TcpListener, serve: impl Fn(&TcpStream) -> io::Result<()> + Send + Sync + 'static) {
    let serve = Arc::new(serve);
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let serve = Arc::clone(&serve);
            // A connection that breaks off is the client's affair.
            thread::spawn(move || drop(serve(&stream)));
        }
    });
}
