//! Clients that look on: the command line's own client against the deployed WebSocket API.
#![cfg(feature = "cloud")]

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use filas_cli::client::live::{Live, LiveError, Newest};
use filas_cli::client::{Client, Upload};
use filas_cli::progress::Silent;
use filas_domain::TaskId;
use filas_domain::live::LiveMessage;
use filas_domain::task::TaskState;
use filas_domain::view::TaskView;
use filas_e2e::subscriber::watchers_of;
use filas_e2e::{PATIENCE, Stack, folder, write};
use tempfile::TempDir;

/// A file of `simulate` whose rows take `cost` milliseconds each.
fn slow(folder: &TempDir, name: &str, rows: u32, cost: u32) -> Result<PathBuf> {
    let rows: String = (0..rows).map(|row| format!("{row},{cost},,\n")).collect();
    write(folder.path(), name, format!("id,cost,fail,crash\n{rows}"))
}

fn task_of(message: LiveMessage) -> Option<TaskView> {
    match message {
        LiveMessage::Task(seen) => Some(seen.task),
        _ => None,
    }
}

/// The next message, waited for.
fn next(live: &mut Live) -> Result<LiveMessage> {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if let Some(message) = live.next_message()? {
            return Ok(message);
        }
    }
    bail!("nothing was said in {PATIENCE:?}")
}

/// A state of a task that was told, and when.
struct Told {
    moment: Instant,
    task: TaskView,
    /// The first message after a connection was made.
    is_snapshot: bool,
}

/// Every state of the task that is told until it has ended. Whoever is sent away, because the cloud is too busy to tell,
/// comes back to a snapshot, as every client has to.
fn until_the_end(client: &Client, mut live: Live, watched: Option<TaskId>, id: TaskId) -> Result<Vec<Told>> {
    let (mut told, mut newest, mut is_snapshot) = (Vec::new(), Newest::default(), true);
    loop {
        let messages = match next(&mut live) {
            Ok(LiveMessage::Task(seen)) => vec![*seen],
            Ok(LiveMessage::Snapshot { tasks }) => tasks,
            Ok(_) => continue,
            Err(error) if error.downcast_ref::<LiveError>().is_some() => {
                (live, is_snapshot) = (client.live(watched)?, true);
                continue;
            }
            Err(error) => return Err(error),
        };
        for seen in messages {
            if seen.task.id != id || !newest.is_news(id, seen.revision) {
                continue;
            }
            let rows = seen.task.succeeded + seen.task.failed;
            let has_ended = seen.task.state.is_final() && seen.task.total == Some(rows);
            told.push(Told { moment: Instant::now(), task: seen.task, is_snapshot });
            if has_ended {
                return Ok(told);
            }
        }
        is_snapshot = false;
    }
}

#[test]
fn a_client_sees_a_task_from_a_snapshot_to_its_end_and_is_not_flooded() -> Result<()> {
    let (stack, folder) = (Stack::main()?, folder()?);
    let upload = Upload { batch_size: Some(10), ..Upload::new(slow(&folder, "watched.csv", 1200, 50)?, "simulate") };
    let task = stack.client().upload(&upload, &mut Silent)?;
    let client = stack.client();
    let told = until_the_end(&client, client.live(Some(task.id))?, Some(task.id), task.id)?;
    let end = &told.last().context("something was told")?.task;
    assert_eq!((end.state, end.succeeded), (TaskState::Completed, 1200));
    let states: Vec<_> = told.iter().map(|told| (told.task.state, told.task.succeeded)).collect();
    assert!(states.is_sorted_by_key(|(_, succeeded)| *succeeded), "{states:?}");
    ensure!(told.len() > 3, "progress was not told: {states:?}");
    // The snapshot aside, at most four a second, whatever window one looks through; a push may be late, so that the next
    // comes a little sooner after it.
    let changes: Vec<_> = told.iter().filter(|told| !told.is_snapshot).map(|told| told.moment).collect();
    for window in changes.windows(6) {
        let took = window[5] - window[0];
        ensure!(took > Duration::from_millis(900), "five changes in {took:?}");
    }
    Ok(())
}

#[test]
fn who_watches_all_sees_own_tasks_and_no_others() -> Result<()> {
    let (stack, folder) = (Stack::main()?, folder()?);
    let mut mine = stack.client().live(None)?;
    let mut theirs = stack.other_client().live(None)?;
    let LiveMessage::Snapshot { tasks: before } = next(&mut mine)? else { bail!("no snapshot") };
    let LiveMessage::Snapshot { tasks: their_tasks } = next(&mut theirs)? else { bail!("no snapshot") };
    let task = stack.client().upload(&Upload::new(slow(&folder, "all.csv", 5, 1)?, "simulate"), &mut Silent)?;
    assert!(before.iter().chain(&their_tasks).all(|seen| seen.task.id != task.id));
    let told = until_the_end(&stack.client(), mine, None, task.id)?;
    assert_eq!(told.last().map(|told| told.task.state), Some(TaskState::Completed));
    // The other owner was told nothing of it, and hears nothing when asking for it by its id.
    for _ in 0..4 {
        // Sent away, because the cloud is too busy, is told nothing as well.
        let heard = theirs.next_message().ok().flatten().and_then(task_of);
        assert!(heard.is_none_or(|heard| heard.id != task.id));
    }
    let mut curious = stack.other_client().live(Some(task.id))?;
    assert_eq!(next(&mut curious)?, LiveMessage::Missing { task: task.id.to_string() });
    Ok(())
}

#[test]
fn a_lost_connection_begins_again_with_a_snapshot_and_nothing_is_missed() -> Result<()> {
    let (stack, folder) = (Stack::main()?, folder()?);
    let upload = Upload { batch_size: Some(10), ..Upload::new(slow(&folder, "lost.csv", 600, 50)?, "simulate") };
    let task = stack.client().upload(&upload, &mut Silent)?;
    let mut seen = 0;
    // Dropped without a word, again and again.
    for _ in 0..4 {
        let mut live = stack.client().live(Some(task.id))?;
        let snapshot = task_of(next(&mut live)?).context("the first message is a snapshot")?;
        ensure!(snapshot.succeeded >= seen, "{} after {seen}", snapshot.succeeded);
        seen = snapshot.succeeded;
        thread::sleep(Duration::from_millis(300));
    }
    let client = stack.client();
    let told = until_the_end(&client, client.live(Some(task.id))?, Some(task.id), task.id)?;
    assert_eq!(told.last().map(|told| told.task.succeeded), Some(600));
    Ok(())
}

#[test]
fn a_client_that_does_not_listen_slows_nobody() -> Result<()> {
    let (stack, folder) = (Stack::main()?, folder()?);
    // They connect, subscribe to everything, and never read.
    let deaf: Vec<Live> = (0..8).map(|_| stack.client().live(None)).collect::<Result<_, LiveError>>()?;
    let upload = Upload { batch_size: Some(10), ..Upload::new(slow(&folder, "deaf.csv", 400, 20)?, "simulate") };
    let task = stack.client().upload(&upload, &mut Silent)?;
    let client = stack.client();
    let told = until_the_end(&client, client.live(Some(task.id))?, Some(task.id), task.id)?;
    let ended = stack.client().task(task.id)?;
    assert_eq!(told.last().map(|told| told.task.succeeded), Some(ended.succeeded));
    drop(deaf);
    Ok(())
}

#[test]
fn connections_that_are_gone_are_forgotten() -> Result<()> {
    let (stack, folder) = (Stack::main()?, folder()?);
    let before: BTreeSet<String> = watchers_of(&stack, "local")?.into_iter().collect();
    // One says good-bye, one is cut off.
    let mut lives = [stack.client().live(None)?, stack.client().live(None)?];
    for live in &mut lives {
        ensure!(matches!(next(live)?, LiveMessage::Snapshot { .. }));
    }
    let ours: Vec<String> = watchers_of(&stack, "local")?.into_iter().filter(|id| !before.contains(id)).collect();
    ensure!(ours.len() >= 2, "{ours:?}");
    drop(lives);
    // Whoever is not seen to leave is found to be gone with the next message.
    stack.process(&Upload::new(slow(&folder, "gone.csv", 3, 1)?, "simulate"))?;
    let begun = Instant::now();
    loop {
        let left: Vec<String> = watchers_of(&stack, "local")?.into_iter().filter(|id| ours.contains(id)).collect();
        // Another test's may have come between; it leaves as well.
        if left.is_empty() {
            return Ok(());
        }
        ensure!(begun.elapsed() < PATIENCE, "{left:?} are still remembered");
        thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn only_a_ticket_lets_in_and_only_once() -> Result<()> {
    let stack = Stack::main()?;
    let answer = ureq::post(format!("{}/v1/tickets", stack.url))
        .header("authorization", format!("Bearer {}", stack.key))
        .send_empty()?;
    assert_eq!(answer.status().as_u16(), 201);
    let ticket: serde_json::Value = answer.into_body().read_json()?;
    let url = ticket["url"].as_str().context("no address")?;
    let connect = |ticket: &str| stack.client().live_by_ticket(url, ticket, None).is_ok();
    assert!(!connect("made-up"), "whoever guesses is let in");
    let good = ticket["ticket"].as_str().context("no ticket")?;
    assert!(connect(good) && !connect(good), "a ticket is good once");
    let refused = ureq::post(format!("{}/v1/tickets", stack.url)).config().http_status_as_error(false).build();
    assert_eq!(refused.send_empty()?.status().as_u16(), 401);
    Ok(())
}

#[test]
fn the_command_line_watches_and_tails_live() -> Result<()> {
    let (stack, folder) = (Stack::main()?, folder()?);
    let file = slow(&folder, "tail.csv", 300, 20)?;
    let upload = Upload { batch_size: Some(10), ..Upload::new(file, "simulate") };
    let task = stack.client().upload(&upload, &mut Silent)?;
    let id = task.id.to_string();
    // It ends with the task, however few changes there are to be told.
    let tail = stack.filas(&["tail", &id, "--json"]).stdout(std::process::Stdio::piped()).spawn()?;
    let watched = stack.filas(&["watch", &id, "--json"]).output()?;
    ensure!(watched.status.success(), "{}", String::from_utf8_lossy(&watched.stderr));
    let text = String::from_utf8(watched.stdout)?;
    ensure!(
        text.lines().count() > 1 && text.lines().last().is_some_and(|last| last.contains("\"completed\"")),
        "{text}"
    );
    let told = String::from_utf8(tail.wait_with_output()?.stdout)?;
    let changes: Vec<serde_json::Value> = told.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    assert_eq!(changes.last().context("no change")?["task"]["state"], "completed", "{told}");
    assert!(changes.iter().all(|change| change["task"]["id"] == id.as_str()), "{told}");
    Ok(())
}
