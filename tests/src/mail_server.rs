use std::{
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
};

use crate::{Channel, Sent, serve::serve_each};

/// What the mail server does with a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailReply {
    /// Takes it.
    Take,
    /// Closes every connection before saying anything.
    HangUp,
    /// Keeps every connection open and never says anything.
    Hang,
    /// Answers the recipient with this line.
    Recipient(&'static str),
    /// Takes it, and closes the connection instead of saying so.
    TakeInSilence,
}

/// A mail server on this machine that does as it is told.
pub struct MailServer {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    reply: Mutex<MailReply>,
    taken: Mutex<Vec<Sent>>,
}

impl MailServer {
    /// Listens on a free port.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let shared = Arc::new(Shared { reply: Mutex::new(MailReply::Take), taken: Mutex::default() });
        let serving = Arc::clone(&shared);
        serve_each(listener, move |stream| serving.serve(stream));
        Self { address, shared }
    }

    /// The setting `SLUICE_SMTP_URL` that leads here.
    #[must_use]
    pub fn url(&self) -> String {
        format!("smtp://{}", self.address)
    }

    /// What it does from now on.
    pub fn reply(&self, reply: MailReply) {
        *self.shared.reply.lock().unwrap_or_else(PoisonError::into_inner) = reply;
    }

    /// The mails that it took, in order.
    #[must_use]
    pub fn taken(&self) -> Vec<Sent> {
        self.shared.taken.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Shared {
    fn now(&self) -> MailReply {
        *self.reply.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, mut stream: &TcpStream) -> std::io::Result<()> {
        match self.now() {
            MailReply::HangUp => return Ok(()),
            // The client breaks it off.
            MailReply::Hang => return std::io::copy(&mut stream, &mut std::io::sink()).map(drop),
            MailReply::Take | MailReply::Recipient(_) | MailReply::TakeInSilence => {}
        }
        let mut lines = BufReader::new(stream).lines();
        let mut to = String::new();
        stream.write_all(b"220 ready\r\n")?;
        while let Some(line) = lines.next().transpose()? {
            let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
            let answer = match (verb.as_str(), self.now()) {
                (_, MailReply::HangUp) | ("QUIT", _) => return Ok(()),
                ("RCPT", MailReply::Recipient(refusal)) => refusal,
                ("RCPT", _) => {
                    to = line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
                    "250 fine"
                }
                ("DATA", _) => {
                    stream.write_all(b"354 go on\r\n")?;
                    let data: Vec<String> = lines.by_ref().map_while(Result::ok).take_while(|line| line != ".").collect();
                    self.taken.lock().unwrap_or_else(PoisonError::into_inner).push(read(&to, &data));
                    if self.now() == MailReply::TakeInSilence {
                        return Ok(());
                    }
                    "250 taken"
                }
                _ => "250 fine",
            };
            stream.write_all(format!("{answer}\r\n").as_bytes())?;
        }
        Ok(())
    }
}

/// Reads a mail as far as the tests look at it.
fn read(to: &str, data: &[String]) -> Sent {
    let end = data.iter().position(String::is_empty).unwrap_or(data.len());
    let header = |name: &str| {
        let found = data[..end].iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        found.unwrap_or_default().to_owned()
    };
    Sent {
        channel: Channel::Mail,
        to: to.to_owned(),
        subject: header("Subject"),
        text: without_soft_ends(&data[end..]),
        event: Some(header("X-Sluice-Event")),
    }
}

/// The parts as they came, but for the line ends that quoted-printable (RFC 2045) adds.
fn without_soft_ends(lines: &[String]) -> String {
    let mut text = String::new();
    for line in lines {
        match line.strip_suffix('=') {
            Some(begun) => text.push_str(begun),
            None => {
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    text
}
