//! Following a run: a live line on a terminal, one line per step elsewhere. Ctrl-C leaves, and the run goes on.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};
use patchflock_api::client::{Client, ClientError, Events, Next};
use patchflock_api::ids::RunId;
use patchflock_api::run::{RunEntry, Step};
use patchflock_api::status::{ActiveRun, RunNews};

use crate::blame::Failure;
use crate::output;

/// How often a key press is noticed, and the live line moves.
const LOOK: Duration = Duration::from_millis(200);
/// How often the live line shows that we are alive.
const TICK: Duration = Duration::from_millis(120);
/// An agent that restarts (it may be what is being updated) is back by then.
const ABSENCE: Duration = Duration::from_secs(60);

/// How following ended.
pub(crate) enum Watched {
    /// The run ended.
    Ended(Box<RunEntry>),
    /// Somebody pressed Ctrl-C.
    Left,
    /// The machine reboots, and everything on it ends, we too.
    Rebooting,
}

/// Follows a run to its end.
pub(crate) fn watch(client: &Client, id: &RunId) -> Result<Watched, Failure> {
    let leave = Arc::new(AtomicBool::new(false));
    let registered = signal_hook::flag::register(signal_hook::consts::SIGINT, Arc::clone(&leave))
        .context("watching for Ctrl-C")?;
    let mut line = Line::new();
    let watched = follow(client, id, &leave, &mut line);
    line.clear();
    signal_hook::low_level::unregister(registered);
    if matches!(watched, Ok(Watched::Left)) {
        output::talk(&format!("The run goes on without you: `patchflock runs watch {id}` follows it again."));
    }
    if matches!(watched, Ok(Watched::Rebooting)) {
        output::talk(&format!(
            "The machine reboots now, as a part of the run; the outcome will be in `patchflock runs show {id}`."
        ));
    }
    watched
}

fn follow(client: &Client, id: &RunId, leave: &AtomicBool, line: &mut Line) -> Result<Watched, Failure> {
    let mut events = client.events(id)?;
    loop {
        if leave.load(Ordering::Relaxed) {
            return Ok(Watched::Left);
        }
        match events.next(LOOK) {
            Ok(Next::News(RunNews::Progress { active })) => {
                line.show(&active);
                // Where the reboot has to wait there is still something to see.
                if active.step == Step::Reboot && active.waiting.is_none() {
                    return Ok(Watched::Rebooting);
                }
            }
            Ok(Next::News(RunNews::Ended { entry })) => return Ok(Watched::Ended(entry)),
            Ok(Next::Nothing) => {}
            Ok(Next::Over) => match again(client, id, leave)? {
                Some(more) => events = more,
                None => return Ok(Watched::Left),
            },
            Err(e) if e.is_absence() => match again(client, id, leave)? {
                Some(more) => events = more,
                None => return Ok(Watched::Left),
            },
            Err(e) => return Err(e.into()),
        }
    }
}

/// The news again, from an agent that went away and is back; `None`: somebody pressed Ctrl-C meanwhile.
fn again(client: &Client, id: &RunId, leave: &AtomicBool) -> Result<Option<Events>, Failure> {
    let until = Instant::now() + ABSENCE;
    loop {
        // Before the first try, too: an agent that is stopping answers once more and ends the news at once.
        std::thread::park_timeout(LOOK);
        if leave.load(Ordering::Relaxed) {
            return Ok(None);
        }
        match client.events(id) {
            Ok(events) => return Ok(Some(events)),
            // Another status than "not there" comes while it starts.
            Err(ClientError::Refused { status: 503, .. }) if Instant::now() < until => {}
            Err(e) if e.is_absence() && Instant::now() < until => {}
            Err(e) => {
                let failure = anyhow::Error::from(e).context(format!(
                    "the agent went away while run {id} was in progress, and the run goes on or is taken up when it is \
                     back: `patchflock runs show {id}`"
                ));
                return Err(Failure::Ours(failure));
            }
        }
    }
}

/// Where progress is shown.
struct Line {
    /// `None` when standard error is no terminal.
    bar: Option<ProgressBar>,
    step: Option<Step>,
    waiting: Option<String>,
}

impl Line {
    fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix} {wide_msg}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(TICK);
            bar
        });
        Self { bar, step: None, waiting: None }
    }

    fn show(&mut self, active: &ActiveRun) {
        let words = active.step.words();
        let waiting = active.waiting.as_ref().map(|(until, why)| {
            output::one_line(&format!("trying again at {}: {why}", until.format("%H:%M:%S UTC")))
        });
        if let Some(bar) = &self.bar {
            let progress = waiting.clone().or_else(|| active.progress.as_deref().map(output::one_line));
            bar.set_prefix(words);
            bar.set_message(progress.unwrap_or_default());
            return;
        }
        if self.step != Some(active.step) {
            output::talk(&format!("{words} ..."));
        }
        if waiting != self.waiting
            && let Some(why) = &waiting
        {
            output::talk(&format!("  {why}"));
        }
        (self.step, self.waiting) = (Some(active.step), waiting);
    }

    /// Takes the live line away before data is printed.
    fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::os::unix::net::UnixListener;

    use patchflock_api::run::{Ending, Operation, RunSpec, Trigger};

    use super::*;

    fn spec() -> RunSpec {
        RunSpec {
            id: "r-1".parse().unwrap(),
            operation: Operation::Scan,
            reboot: Default::default(),
            dry_run: false,
            trigger: Trigger::Routine {},
            order: None,
        }
    }

    fn progress() -> RunNews {
        let active = ActiveRun {
            spec: spec(),
            started_at: Default::default(),
            step: Step::Fetch,
            waiting: None,
            progress: None,
        };
        RunNews::Progress { active: Box::new(active) }
    }

    fn ended() -> RunEntry {
        RunEntry {
            spec: spec(),
            started_at: Default::default(),
            finished_at: Default::default(),
            ending: Ending::Succeeded,
            reason: String::new(),
            steps: Vec::new(),
            survey: None,
            installed: None,
            hooks: Vec::new(),
            reboot: None,
            after: None,
            health: None,
        }
    }

    /// Follows a run with an agent that says one of these at each connection, and then goes away.
    fn followed(says: Vec<String>, leave: bool) -> Result<Watched, Failure> {
        let dir = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(dir.path().join("patchflockd.sock")).unwrap();
        let connections = says.len();
        let agent = std::thread::spawn(move || {
            for say in says {
                let (stream, _) = listener.accept().unwrap();
                let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
                while lines.next().is_some_and(|line| !line.is_empty()) {}
                (&stream).write_all(say.as_bytes()).unwrap();
            }
        });
        let mut line = Line { bar: None, step: None, waiting: None };
        let leave = AtomicBool::new(leave);
        let watched = follow(&Client::at(dir.path()), &"r-1".parse().unwrap(), &leave, &mut line);
        assert!(connections == 0 || agent.join().is_ok());
        watched
    }

    fn answer(news: &RunNews) -> String {
        let line = serde_json::to_string(news).unwrap();
        format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{line}\n")
    }

    #[test]
    fn an_agent_that_restarts_is_followed_again() {
        let end = RunNews::Ended { entry: Box::new(ended()) };
        let starting = "HTTP/1.1 503 x\r\ncontent-length: 13\r\n\r\n{\"error\":\"x\"}".to_owned();
        let says = vec![answer(&progress()), String::new(), starting, answer(&end)];
        let watched = followed(says, false).unwrap();
        assert!(matches!(watched, Watched::Ended(entry) if *entry == ended()));
    }

    #[test]
    fn a_run_that_nobody_knows_after_a_restart_is_a_failure_that_says_where_to_look() {
        let unknown = "HTTP/1.1 404 x\r\ncontent-length: 18\r\n\r\n{\"error\":\"no run\"}".to_owned();
        let failure = followed(vec![answer(&progress()), unknown], false).err().unwrap();
        assert_eq!(failure.code(), 2);
        assert!(failure.to_string().contains("`patchflock runs show r-1`"), "{failure}");
    }

    #[test]
    fn who_leaves_is_not_held_up() {
        assert!(matches!(followed(vec![answer(&progress())], true).unwrap(), Watched::Left));
    }
}
