//! What others are told.
#![cfg(feature = "cloud")]

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};
use filas_cli::client::Upload;
use filas_cli::progress::Silent;
use filas_domain::event::Event;
use filas_domain::task::TaskState;
use filas_e2e::subscriber::Subscriber;
use filas_e2e::{Stack, folder, write};
use serde_json::json;
use xtask::chaos::workers;

fn of_task(events: &[Event]) -> Vec<&Event> {
    events.iter().filter(|event| event.kind.starts_with("filas.task.")).collect()
}

fn count(events: &[Event], kind: &str) -> usize {
    events.iter().filter(|event| event.kind == kind).count()
}

/// Whether each event begins where the one before ended, from the registration to the end and its audit.
fn is_whole(events: &[Event]) -> bool {
    let events = of_task(events);
    let begins = events.first().is_some_and(|event| event.kind == "filas.task.created");
    let ends = events.iter().any(|event| event.kind == "filas.task.completed");
    begins && ends && events.windows(2).all(|pair| pair[1].data["previous_state"] == pair[0].data["state"])
}

#[test]
fn two_subscribers_each_get_every_event_that_their_filter_lets_through() -> Result<()> {
    let (stack, folder) = (Stack::main()?, folder()?);
    let all = Subscriber::new(&stack, "subscriber-all", None)?;
    let filter = json!({ "type": ["filas.task.completed", { "prefix": "filas.batch.d" }], "owner": ["local"] });
    let ends = Subscriber::new(&stack, "subscriber-ends", Some(&filter))?;
    let others = Subscriber::new(&stack, "subscriber-others", Some(&json!({ "owner": ["other"] })))?;
    let rows: String = (0..30).map(|row| format!("{row},1,{},\n", if row == 7 { "yes" } else { "" })).collect();
    let file = write(folder.path(), "events.csv", format!("id,cost,fail,crash\n{rows}"))?;
    let upload = Upload { batch_size: Some(10), ..Upload::new(file, "simulate") };
    let task = stack.process(&upload)?;
    ensure!(task.state == TaskState::CompletedWithFailures, "{task:?}");

    let events = all.events(task.id, |events| is_whole(events) && count(events, "filas.batch.completed") == 3)?;
    for (kind, expected) in [
        ("filas.task.created", 1),
        ("filas.task.splitting", 1),
        ("filas.task.processing", 1),
        ("filas.task.completed", 1),
        ("filas.batch.processing", 3),
        ("filas.batch.completed", 3),
    ] {
        assert_eq!(count(&events, kind), expected, "{kind}: {events:#?}");
    }
    let ids: BTreeSet<_> = events.iter().map(|event| &event.id).collect();
    assert_eq!(ids.len(), events.len(), "no two events share an id");
    for event in &events {
        assert_eq!(event.owner.as_ref().map(|owner| owner.as_str()), Some("local"), "{event:?}");
        assert_eq!(
            (event.specversion.as_str(), event.source.as_str()),
            ("1.0", format!("/filas/{}", stack.name).as_str())
        );
    }
    let end = events.iter().find(|event| event.kind == "filas.task.completed").expect("it is whole");
    assert_eq!((&end.data["succeeded"], &end.data["failed"]), (&json!(29), &json!(1)), "{end:?}");

    let filtered = ends.events(task.id, |events| count(events, "filas.task.completed") == 1)?;
    assert_eq!(filtered, std::slice::from_ref(end), "the same event, and no other");
    assert!(others.events(task.id, |_| true)?.is_empty());
    Ok(())
}

#[test]
fn a_notifier_that_is_killed_again_and_again_loses_no_event() -> Result<()> {
    let (stack, folder) = (Stack::chaos()?, folder()?);
    let all = Subscriber::new(&stack, "subscriber-crash", None)?;
    let rows: String = (0..400).map(|row| format!("{row},2,,\n")).collect();
    let file = write(folder.path(), "crash.csv", format!("id,cost,fail,crash\n{rows}"))?;
    let upload = Upload { batch_size: Some(10), ..Upload::new(file, "simulate") };
    let (cloud, done, stack) = (stack.cloud()?, AtomicBool::new(false), &stack);
    let (task, killed) = thread::scope(|scope| -> Result<_> {
        let killer = scope.spawn(|| {
            let mut killed = 0;
            // Spared now and then, or it would never get anything done.
            while !done.load(Ordering::SeqCst) && killed < 12 {
                let found = workers::of(&cloud, &stack.name, "notify");
                killed += found.into_iter().filter(|worker| workers::kill(*worker).is_ok()).count();
                thread::sleep(Duration::from_millis(150));
            }
            killed
        });
        let processed =
            stack.client().upload(&upload, &mut Silent).map_err(Into::into).and_then(|task| stack.wait(task.id));
        // As long as events are under way.
        thread::sleep(Duration::from_secs(2));
        done.store(true, Ordering::SeqCst);
        let killed = killer.join().unwrap_or_default();
        Ok((processed?, killed))
    })?;
    ensure!(killed > 0, "no notifier was at work");
    ensure!(task.state == TaskState::Completed, "{task:?}");
    let events = all.events(task.id, |events| is_whole(events) && count(events, "filas.batch.completed") == 40)?;
    // Every state of the task's counters was told: each batch adds ten.
    let told: BTreeSet<u64> = of_task(&events).iter().filter_map(|event| event.data["succeeded"].as_u64()).collect();
    assert!(told.contains(&0) && told.contains(&400), "{told:?}");
    println!("{killed} notifiers were killed; {} events came through", events.len());
    Ok(())
}
