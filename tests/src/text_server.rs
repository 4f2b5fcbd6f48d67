use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use crate::{Channel, Sent, caller, serve::serve_each};

/// The account that texts are sent from.
const ACCOUNT: &str = "AC0123456789abcdef0123456789abcdef";

/// A stand-in for Twilio's REST API on this machine.
pub struct TextServer {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// Twilio's error code, by number.
    refused: Mutex<BTreeMap<String, u32>>,
    /// Twilio's id of a text, by the number that it goes to.
    named: Mutex<BTreeMap<String, String>>,
    taken: Mutex<Vec<Sent>>,
    /// How many more callers are killed, by number.
    killing: Mutex<BTreeMap<String, u32>>,
    kills: AtomicUsize,
}

impl TextServer {
    /// Listens on a free port.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn start() -> Self {
        Self::start_at("127.0.0.1:0")
    }

    /// Listens on this address.
    ///
    /// # Panics
    /// If it is taken.
    #[must_use]
    pub fn start_at(address: &str) -> Self {
        let listener = TcpListener::bind(address).expect("a free port");
        let address = listener.local_addr().expect("bound");
        let shared = Arc::<Shared>::default();
        let serving = Arc::clone(&shared);
        serve_each(listener, move |stream| serving.serve(stream));
        Self { address, shared }
    }

    /// The settings that lead here.
    #[must_use]
    pub fn settings(&self) -> [(&'static str, String); 4] {
        [
            ("SLUICE_TWILIO_URL", format!("http://{}", self.address)),
            ("SLUICE_SMS_FROM", "+15005550001".to_owned()),
            ("TWILIO_ACCOUNT_SID", ACCOUNT.to_owned()),
            ("TWILIO_AUTH_TOKEN", "a token".to_owned()),
        ]
    }

    /// Refuses texts to a number from now on, with an error code of Twilio's.
    pub fn refuse(&self, number: &str, code: u32) {
        self.shared.refused.lock().unwrap_or_else(PoisonError::into_inner).insert(number.to_owned(), code);
    }

    /// Answers texts to a number with this id from now on. Others are answered with one that is not whole, and so not noted down.
    pub fn name(&self, number: &str, sid: &str) {
        self.shared.named.lock().unwrap_or_else(PoisonError::into_inner).insert(number.to_owned(), sid.to_owned());
    }

    /// Takes texts to a number, and kills the process that sends one instead of answering, so many times.
    pub fn kill_callers(&self, number: &str, times: u32) {
        self.shared.killing.lock().unwrap_or_else(PoisonError::into_inner).insert(number.to_owned(), times);
    }

    /// How many processes it has killed.
    #[must_use]
    pub fn kills(&self) -> usize {
        self.shared.kills.load(Ordering::SeqCst)
    }

    /// The texts that it took, in order.
    #[must_use]
    pub fn taken(&self) -> Vec<Sent> {
        self.shared.taken.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Shared {
    fn serve(&self, mut stream: &TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream);
        let mut head = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            if line.trim().is_empty() {
                break;
            }
            head.push(line.trim().to_ascii_lowercase());
        }
        let length = head.iter().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let fields = form(&String::from_utf8_lossy(&body));
        let field = |name: &str| fields.get(name).cloned().unwrap_or_default();
        let path = format!("post /2010-04-01/accounts/{}/messages.json ", ACCOUNT.to_ascii_lowercase());
        let right =
            head.first().is_some_and(|line| line.starts_with(&path)) && head.iter().any(|line| line.starts_with("authorization: basic "));
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner).get(&field("To")).copied();
        let (status, answer) = match refused {
            _ if !right => ("404 Not Found", r#"{"code":20404,"message":"not here"}"#.to_owned()),
            Some(code) => ("400 Bad Request", format!(r#"{{"code":{code},"message":"The 'To' number is not valid","status":400}}"#)),
            None => {
                let sent = Sent { channel: Channel::Text, to: field("To"), subject: String::new(), text: field("Body"), event: None };
                let kills = self.is_to_kill(&sent.to);
                self.taken.lock().unwrap_or_else(PoisonError::into_inner).push(sent);
                if kills {
                    self.kills.fetch_add(1, Ordering::SeqCst);
                    caller::kill(stream.peer_addr()?)?;
                    return Ok(());
                }
                let named = self.named.lock().unwrap_or_else(PoisonError::into_inner).get(&field("To")).cloned();
                let sid = named.unwrap_or_else(|| "SM1".to_owned());
                ("201 Created", format!(r#"{{"sid":"{sid}","status":"queued"}}"#))
            }
        };
        let length = answer.len();
        stream.write_all(
            format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{answer}")
                .as_bytes(),
        )
    }
}

impl Shared {
    fn is_to_kill(&self, number: &str) -> bool {
        let mut killing = self.killing.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(times) = killing.get_mut(number).filter(|times| **times > 0) else { return false };
        *times -= 1;
        true
    }
}

/// The fields of a form body (`application/x-www-form-urlencoded`).
fn form(body: &str) -> BTreeMap<String, String> {
    body.split('&').filter_map(|field| field.split_once('=')).map(|(name, value)| (decoded(name), decoded(value))).collect()
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [rest.next(), rest.next()].map(|digit| char::from(digit.unwrap_or(b'0')).to_digit(16).unwrap_or(0));
                u8::try_from(digits[0] * 16 + digits[1]).unwrap_or(b'?')
            }
            other => other,
        });
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
