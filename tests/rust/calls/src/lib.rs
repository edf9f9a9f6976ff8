//! Calls every function of the crate on a real host: a command a line, an answer a line. calls.sh
//! drives it.

#![forbid(unsafe_code)]

use std::sync::Mutex;
use std::thread::{self, JoinHandle};

use portico::{
    framing, Answer, Closed, Connection, Draining, Ended, Error, Flow, Groups, Instance, Kind,
    Level, Message, Metric, MetricKind, OnEnd, Opened, Protocol, Series, Settings, Setup, Status,
    Timer, WhenFull,
};

struct Calls {
    instance: Instance<Calls>,
    settings: String,
    workers: u32,
    groups: Groups<Calls>,
    words: Metric,
    open: Series,
    sizes: Series,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

struct Session {
    ticks: u32,
    ticking: Option<Timer>,
}

impl Protocol for Calls {
    type Session = Session;
    const FRAMING: u32 = framing::DELIMITER;

    fn create(setup: &Setup<Self>) -> Result<Self, Error> {
        let instance = setup.instance();
        let metrics = setup.metrics().ok_or(Status::UNSUPPORTED)?;
        let sizes = MetricKind::Histogram(&[1.0, 10.0, 100.0]);
        instance.post(|plugin: &Calls| plugin.instance.log(Level::Info, "posted by create"))?;
        instance.every(50, |plugin: &Calls, event: &portico::TimerEvent| {
            // Late calls only stand for more periods.
            assert!(event.periods >= 1 && event.due_ns <= plugin.instance.now());
        })?;
        instance.after(1, |plugin: &Calls| plugin.instance.log(Level::Info, "timer of create"))?;
        Ok(Calls {
            instance,
            settings: describe(&setup.settings())?,
            workers: setup.worker_count(),
            groups: instance.groups().ok_or(Status::UNSUPPORTED)?,
            words: metrics.metric(MetricKind::Counter, "words_total", "Words.", &["word"], 2)?,
            open: metrics.series(MetricKind::Gauge, "open", "Open connections.")?,
            sizes: metrics.series(sizes, "sizes", "Sizes of lines.")?,
            threads: Mutex::new(Vec::new()),
        })
    }

    fn validate(setup: &Setup<Self>) -> Result<(), Error> {
        describe(&setup.settings()).map(drop)
    }

    fn on_stop(&self, draining: &Draining) -> Result<(), Error> {
        let threads = std::mem::take(&mut *self.threads.lock().unwrap());
        let count = threads.into_iter().map(JoinHandle::join).filter(Result::is_ok).count();
        let is_later = draining.deadline_ns > self.instance.now();
        self.instance.log(Level::Info, &format!("joined {count}, deadline later: {is_later}"));
        Ok(())
    }

    fn on_open(&self, _: &Connection<Self>, opened: &Opened) -> Result<Session, Error> {
        self.open.add(1.0)?;
        Ok(Session { ticks: opened.listen_index, ticking: None })
    }

    fn on_data(
        &self,
        session: &mut Session,
        connection: &Connection<Self>,
        message: Message,
    ) -> Answer {
        let line = std::str::from_utf8(message.payload())?;
        self.sizes.record(line.len() as f64)?;
        let (command, text) = line.split_once(' ').unwrap_or((line, ""));
        let group = text.len() as u64;
        let answer = match command {
            "settings" => self.settings.clone(),
            "join" => format!("{:?}", self.groups.join(connection.handle(), group)),
            "leave" => format!("{:?}", self.groups.leave(connection.handle(), group)),
            "say" => {
                let (parts, but_me) = ([text.as_bytes(), b"\n"], Some(connection.handle()));
                self.groups.broadcast(text.len() as u64, &parts, WhenFull::Skip, but_me)?;
                "said".to_string()
            }
            "list" => {
                let all = self.groups.list();
                format!("{} {}", all.len(), all.contains(&connection.handle()))
            }
            "count" => match self.words.series(&[text]) {
                Ok(series) => format!("{:?}", series.add(1.0)),
                Err(status) => format!("{status}"),
            },
            "where" => {
                let info = connection.info().ok_or(Status::GONE)?;
                let is_worker = self.instance.worker_index().map(|index| index < self.workers);
                let ip = info.peer_address().ip().map(|ip| ip.is_loopback());
                let is_same = info.peer_address().ip() == info.local_address().ip();
                format!("{ip:?} {is_same} {is_worker:?} {}", info.queued_bytes())
            }
            "gone" => {
                let stale = self.instance.connection(u64::MAX);
                format!("{:?} {:?} {}", stale.send("x"), stale.pause(), stale.info().is_none())
            }
            _ => return self.later(command, text, session, connection),
        };
        connection.send_parts(&[answer.as_bytes(), b"\n"])?;
        Ok(Flow::ALL)
    }

    fn on_close(&self, session: &mut Session, connection: &Connection<Self>, closed: &Closed) {
        let ended = (self.open.add(-1.0), connection.send("too late"));
        let text = format!("closed: {}, {} ticks, {ended:?}", closed.reason_name(), session.ticks);
        connection.log(Level::Info, &text);
    }
}

impl OnEnd for Calls {
    fn on_end(&self, _: &mut Session, at: &Connection<Self>, ended: &Ended) -> Result<(), Error> {
        at.send(format!("end {} {}\n", ended.remaining, ended.is_truncated()))?;
        at.finish_sending()?;
        at.close().map_err(Error::from)
    }
}

impl Calls {
    /// Commands that are answered by something else than `on_data`.
    fn later(
        &self,
        command: &str,
        text: &str,
        session: &mut Session,
        connection: &Connection<Self>,
    ) -> Answer {
        let line = format!("{text}\n");
        match command {
            "thread" => {
                let handle = connection.handle();
                let helper = thread::spawn(move || {
                    let posted = handle.post(move |_, _, connection| connection.send_all(line));
                    assert!(matches!(posted, Ok(()) | Err(Status::GONE)));
                });
                self.threads.lock().unwrap().push(helper);
            }
            "work" => connection.run(
                move |_| {
                    thread::sleep(std::time::Duration::from_millis(20));
                    line
                },
                |_, _, connection, line| connection.send_all(line),
            )?,
            "instance-work" => {
                let handle = connection.handle();
                self.instance.run(move |_| line, move |_, line| handle.send(line))?;
            }
            "pause" => {
                connection.pause()?;
                connection.after(100, move |_, _, connection| {
                    connection.send_all(line)?;
                    connection.resume().map_err(Error::from)
                })?;
            }
            "tick" => session.ticking = Some(connection.every(5, tick)?),
            "owned" => {
                let bytes = vec![b'o'; text.parse()?];
                connection.send_owned(bytes).map_err(|(status, _)| status)?;
                connection.send_all("\n")?;
            }
            "close" => return connection.send_all("bye\n").map(|_| Flow::CLOSE),
            "abort" => connection.abort()?,
            _ => return Err(Error::new(Status::PROTOCOL_ERROR, format!("no {command}"))),
        }
        Ok(Flow::ALL)
    }
}

/// Three ticks, and an answer.
fn tick(
    _: &Calls,
    session: &mut Session,
    connection: &Connection<Calls>,
    _: &portico::TimerEvent,
) -> Result<(), Error> {
    session.ticks += 1;
    if session.ticks == 3 {
        if let Some(timer) = session.ticking.take() {
            timer.cancel()?;
        }
        connection.send_all("ticked\n")?;
    }
    Ok(())
}

/// All kinds of settings in a line.
fn describe(settings: &Settings) -> Result<String, Error> {
    let flag = settings.get("flag", false)?;
    let ratio = settings.get_in("ratio", 0.5, 0.0..=1.0)?;
    let name: String = settings.required("name")?;
    let count: u8 = settings.required_in("count", 1..=9)?;
    let second = settings.get("list/1", 0i64)?;
    let keys: Vec<String> = (0..settings.count("object")?)
        .map(|index| Ok(settings.name("object", index)?.unwrap_or_default()))
        .collect::<Result<_, Error>>()?;
    settings.read_anything("object")?;
    settings.read_anything("list")?;
    if settings.kind("name")? != Some(Kind::String) || settings.has("nothing")? {
        return Err(Error::text("the kinds are wrong"));
    }
    if count % 2 != 0 {
        return Err(settings.fail("count", "found an odd number, expected an even one"));
    }
    let size = settings.json().len();
    Ok(format!("{flag} {ratio} {name} {count} {second} {} {}", keys.join(","), size > 60))
}

portico::plugin!(Calls, "calls", "1.0");
