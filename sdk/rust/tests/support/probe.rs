//! A protocol that does what it is told, a command an offer, and notes what it was shown.

use std::cell::{Cell, RefCell};

use portico::{
    Answer, Closed, Connection, Error, Flow, Message, Opened, Protocol, Setup, Status, Timer,
};

thread_local! {
    /// What on_data was shown, and other events, in order.
    static SEEN: RefCell<Vec<String>> = RefCell::new(Vec::new());
    static DROPS: Cell<u32> = Cell::new(0);
}

pub fn see(what: impl Into<String>) {
    SEEN.with(|seen| seen.borrow_mut().push(what.into()));
}

/// What was noted since the last call.
pub fn seen() -> Vec<String> {
    SEEN.with(RefCell::take)
}

/// How many tokens this thread has dropped since the last call.
pub fn drops() -> u32 {
    DROPS.with(|drops| drops.replace(0))
}

pub struct Token;

impl Drop for Token {
    fn drop(&mut self) {
        DROPS.with(|drops| drops.set(drops.get() + 1));
    }
}

pub struct Probe {
    limit: u32,
    _token: Token,
}

pub struct Session {
    count: u32,
    timer: Option<Timer>,
    _token: Token,
}

impl Protocol for Probe {
    type Session = Session;
    const SERIAL: bool = true;

    fn create(setup: &Setup<Self>) -> Result<Self, Error> {
        let limit = Probe::limit(setup)?;
        match limit {
            13 => panic!("unlucky"),
            14 => Err(setup.settings().fail("limit", "found 14")),
            15 => Err(Error::text("é".repeat(200))),
            16 => {
                // What is posted before a failure is freed.
                let token = Token;
                setup.instance().post(move |_| drop(token))?;
                Err(Error::from(Status::LIMIT))
            }
            _ => Ok(Probe { limit, _token: Token }),
        }
    }

    fn validate(setup: &Setup<Self>) -> Result<(), Error> {
        Probe::limit(setup).map(drop)
    }

    fn on_open(&self, connection: &Connection<Self>, _: &Opened) -> Result<Session, Error> {
        match self.limit {
            20 => return Err(Error::from(Status::REFUSED)),
            21 => panic!("not this one"),
            22 => drop(connection.send_all("welcome")?),
            _ => {}
        }
        Ok(Session { count: 0, timer: None, _token: Token })
    }

    fn on_data(
        &self,
        session: &mut Session,
        connection: &Connection<Self>,
        message: Message,
    ) -> Answer {
        let payload = std::str::from_utf8(message.payload())?;
        see(format!("{payload} after {}", message.offered_before()));
        session.count += 1;
        let (command, number) = payload.split_once(' ').unwrap_or((payload, ""));
        let digits = number.split(|byte: char| !byte.is_ascii_digit()).next();
        let number: usize = digits.and_then(|digits| digits.parse().ok()).unwrap_or(0);
        match command {
            "big" => connection.send_all("x".repeat(number)),
            "take" => {
                connection.send_all("x".repeat(40))?;
                Ok(Flow::consumed(number))
            }
            "echo" => connection.send_message(message),
            "send" => connection.send("s").map(|()| Flow::ALL).map_err(Error::from),
            "close" => connection.send_all("x".repeat(number)).map(|_| Flow::CLOSE),
            "rest" => rest(connection),
            "panic" => panic!("on purpose"),
            "value" => std::panic::panic_any(5),
            "fail" => Err(Error::new(Status::PROTOCOL_ERROR, "wrong words")),
            "gone" => Err(Error::from(Status::GONE)),
            "wait" => Ok(Flow::wait(number)),
            _ => closures(command, session, connection),
        }
    }

    fn on_writable(&self, _: &mut Session, _: &Connection<Self>) -> Result<(), Error> {
        see("writable");
        Ok(())
    }

    fn on_close(&self, session: &mut Session, connection: &Connection<Self>, closed: &Closed) {
        let peer = connection.info().map(|info| info.peer().to_string()).unwrap_or_default();
        see(format!("closed by {} after {}: {peer}", closed.reason_name(), session.count));
    }
}

impl Probe {
    fn limit(setup: &Setup<Self>) -> Result<u32, Error> {
        setup.settings().get_in("limit", 5, 1..=100)
    }
}

/// While a rest waits, other sends are refused, and the end comes after it.
fn rest(connection: &Connection<Probe>) -> Answer {
    connection.send_all("x".repeat(40))?;
    see(format!("{:?} {:?}", connection.send("y"), connection.send_parts(&[b"y", b"z"])));
    connection.finish_sending()?;
    see(format!("{:?}", connection.send("y")));
    connection.close()?;
    see(format!("{:?} {}", connection.send("y"), connection.is_sending_rest()));
    Ok(Flow::ALL)
}

fn closures(command: &str, session: &mut Session, connection: &Connection<Probe>) -> Answer {
    let token = Token;
    match command {
        "post" => {
            connection.post(move |_, session: &mut Session, connection: &Connection<Probe>| {
                let _token = token;
                session.count += 10;
                connection.send_all(format!("posted at {}", session.count))
            })?
        }
        "post-panic" => connection.post(|_, _, _| -> () { panic!("in a post") })?,
        "post-error" => connection.post(|_, _, _| Err::<(), _>(Error::text("bad")))?,
        "post-gone" => connection.post(|_, _, _| Err::<(), _>(Status::GONE))?,
        "once" => {
            let timer = connection.after(5, move |_, session: &mut Session, _| {
                let _token = &token;
                see(format!("due at {}", session.count));
            })?;
            session.timer = Some(timer);
        }
        "every" => {
            let mut calls = 0;
            session.timer = Some(connection.every(0, move |_, _, _, event| {
                let _token = &token;
                calls += 1;
                see(format!("call {calls} due at {}", event.due_ns));
            })?);
        }
        "restart" => session.timer.expect("a timer").restart(9)?,
        "cancel" => session.timer.expect("a timer").cancel()?,
        "run" => connection.run(
            move |_| (6 * 7, token),
            |_, session: &mut Session, connection: &Connection<Probe>, (made, _token)| {
                session.count += made;
                connection.send_all(format!("{made} at {}", session.count))
            },
        )?,
        "run-panic" => {
            connection.run(|_| -> () { panic!("at work") }, |_, _, _, ()| see("never"))?
        }
        "owned" => connection.send_owned(Owned(token)).map_err(|(status, _)| status)?,
        "groups" => see(format!("{}", connection.instance().groups().is_some())),
        _ => {}
    }
    Ok(Flow::ALL)
}

struct Owned(#[allow(dead_code)] Token);

impl AsRef<[u8]> for Owned {
    fn as_ref(&self) -> &[u8] {
        b"owned"
    }
}

portico::plugin!(Probe, "probe", "1.5");
