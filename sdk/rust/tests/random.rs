//! Random streams against a queue of random room: whatever is refused in between, each command is
//! answered once, in order and whole, and `offered_before` is what the protocol itself remembers.

mod support;

use portico::raw;
use portico::{Answer, Connection, Error, Flow, Message, Opened, Protocol, Setup};
use support::Driver;

/// Lines of digits; each is answered with so many bytes. It stops in the middle of an offer now and
/// then, and leaves an incomplete line.
struct Digits;

struct Session {
    random: Random,
    left: usize,
}

impl Protocol for Digits {
    type Session = Session;

    fn create(_: &Setup<Self>) -> Result<Self, Error> {
        Ok(Digits)
    }
    fn on_open(&self, _: &Connection<Self>, _: &Opened) -> Result<Session, Error> {
        Ok(Session { random: Random(99), left: 0 })
    }
    fn on_data(&self, session: &mut Session, at: &Connection<Self>, message: Message) -> Answer {
        let bytes = message.bytes();
        assert_eq!(message.offered_before(), session.left);
        let mut consumed = 0;
        while let Some(end) = bytes[consumed..].iter().position(|&byte| byte == b'\n') {
            let line = std::str::from_utf8(&bytes[consumed..consumed + end])?;
            at.send_all(answer(line.parse()?))?;
            consumed += end + 1;
        }
        session.left = bytes.len() - consumed;
        Ok(match session.random.below(3) {
            0 if session.left == 0 => Flow::ALL,
            _ => Flow::consumed(consumed),
        })
    }
}
portico::plugin!(Digits, "digits", "1.0");

fn answer(size: usize) -> String {
    let letter = (b'a' + (size % 26) as u8) as char;
    letter.to_string().repeat(size)
}

/// A linear congruential generator.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// The host's side: what has come and is not consumed, and whether a hold stops offers.
struct Stream {
    driver: Driver,
    pending: String,
    is_held: bool,
}

impl Stream {
    fn offer(&mut self) {
        if self.is_held || self.pending.is_empty() {
            return;
        }
        let code = self.driver.data(&self.pending.clone());
        assert!(code == raw::OK || code == raw::HOLD, "{code}: {}", self.driver.log());
        self.is_held = code == raw::HOLD;
        self.pending.drain(..self.driver.consumed as usize);
    }

    /// More room, of which the plugin is told if a send was refused.
    fn room(&mut self, bytes: u64) {
        self.driver.notes().room += bytes;
        if self.driver.notes().take_refusal() {
            self.is_held = false;
            assert_eq!(self.driver.writable(), raw::OK);
            // What a hold has left is offered again; an incomplete line only with what is new.
            if !self.driver.notes().is_refused() && self.pending.contains('\n') {
                self.offer();
            }
        }
    }
}

fn run(seed: u64) {
    let mut random = Random(seed);
    let mut driver = Driver::new(portico_plugin_query);
    driver.max_send_bytes = 1 + random.below(40);
    driver.notes().room = random.below(50);
    driver.start();
    let mut stream = Stream { driver, pending: String::new(), is_held: false };
    let (mut script, mut expected) = (String::new(), String::new());
    for _ in 0..random.below(30) {
        let size = random.below(100) as usize;
        script += &format!("{size}\n");
        expected += &answer(size);
    }
    while !script.is_empty() {
        if random.below(2) == 0 {
            let count = (1 + random.below(12) as usize).min(script.len());
            stream.pending.extend(script.drain(..count));
            stream.offer();
        } else {
            stream.room(random.below(60));
        }
    }
    for _ in 0..1000 {
        stream.room(50);
    }
    assert_eq!(stream.pending, "", "seed {seed}");
    assert_eq!(stream.driver.sent(), expected, "seed {seed}");
}

#[test]
fn each_command_is_answered_once_in_order_and_whole() {
    for seed in 0..2000 {
        run(seed);
    }
}
