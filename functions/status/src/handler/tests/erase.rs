use filas_domain::erasure::{self, GRACE, TaskEraser};
use filas_domain::ports::{BatchLedger, UnsettledTasks};

use super::*;

impl World {
    async fn delete(&self, owner: &str, id: TaskId) -> u16 {
        self.call(owner, "DELETE", &format!("tasks/{id}"), Value::Null).await.status
    }

    /// What is left of a task: keys of objects, and `batches`.
    fn left(&self, id: TaskId) -> Vec<String> {
        let keys = self.objects.keys().into_iter().map(|key| key.to_string());
        let mut left: Vec<String> = keys.filter(|key| key.contains(&id.to_string())).collect();
        if !self.ledger.all_batches(id).is_empty() {
            left.push("batches".into());
        }
        left
    }

    async fn done(&self) -> TaskId {
        let id = self.split(4).await;
        self.succeed(id, &[(0, 2), (1, 2)]).await;
        self.finish(id).await;
        self.file(id, ResultFile::Outcomes).await;
        assert_eq!(self.ask("acme", &format!("tasks/{id}/results")).await.status, 303);
        self.objects.put(&ObjectKey::upload(id), "text/csv", b"x".to_vec()).await.unwrap();
        id
    }

    async fn sweep(&self) -> bool {
        let ids = self.ledger.unsettled(None, 100).await.unwrap();
        let mut noted = false;
        for id in ids {
            noted |= erasure::go_on(&self.ledger, &self.objects, &self.clock, id).await.unwrap();
        }
        noted
    }
}

#[tokio::test]
async fn everything_of_a_task_is_erased_and_nothing_of_another() {
    let world = World::new();
    let (id, other) = (world.done().await, world.done().await);
    let others = world.left(other);
    assert!(world.left(id).len() >= 5, "{:?}", world.left(id));
    assert_eq!(world.delete("other", id).await, 404, "nobody deletes what belongs to another");
    assert_eq!(world.delete("acme", id).await, 204);
    assert_eq!(world.left(id), [""; 0]);
    for rest in ["", "/batches", "/rows", "/rows/2", "/results", "/audit"] {
        assert_eq!(world.ask("acme", &format!("tasks/{id}{rest}")).await.status, 404, "{rest}");
    }
    assert_eq!(world.ask("acme", &format!("receipts/{id}.2")).await.status, 404);
    for command in ["cancel", "pause", "resume"] {
        assert_eq!(world.command(&format!("tasks/{id}/{command}"), Value::Null).await.status, 404, "{command}");
    }
    assert_eq!(ids(&world.ask("acme", "tasks").await), [other]);
    assert_eq!(world.delete("acme", id).await, 404, "it is gone");
    assert_eq!(world.left(other), others);
}

#[tokio::test]
async fn a_task_is_erased_in_whatever_state_it_is() {
    let world = World::new();
    let awaiting = world.awaiting("acme").await;
    let running = world.split(6).await;
    world.claim(running, 0).await;
    let paused = world.split(6).await;
    world.command(&format!("tasks/{paused}/pause"), Value::Null).await;
    for id in [awaiting, running, paused] {
        assert_eq!(world.delete("acme", id).await, 204);
        assert_eq!(world.left(id), [""; 0]);
    }
}

#[tokio::test]
async fn an_erasing_that_died_half_way_is_ended_by_the_same_call_or_by_the_sweeper() {
    for operation in ["erase_objects", "erase_batches", "mark_erased"] {
        for by_sweeper in [false, true] {
            let world = World::new();
            let id = world.done().await;
            match operation {
                "erase_objects" => world.objects.fail_next(operation, 1),
                _ => world.ledger.fail_next(operation, 1),
            }
            assert_eq!(world.delete("acme", id).await, 500, "{operation}");
            assert_eq!(world.ask("acme", &format!("tasks/{id}")).await.status, 404, "{operation}: nobody sees it");
            assert_eq!(world.delete("other", id).await, 404, "{operation}: nor does anybody else go on with it");
            match by_sweeper {
                true => assert!(world.sweep().await),
                false => assert_eq!(world.delete("acme", id).await, 204, "{operation}"),
            }
            assert_eq!(world.left(id), [""; 0], "{operation}");
            assert_eq!(world.delete("acme", id).await, 404, "{operation}");
        }
    }
}

#[tokio::test]
async fn nothing_happens_when_the_task_cannot_be_taken_away() {
    let world = World::new();
    let id = world.done().await;
    let before = world.left(id);
    world.ledger.fail_next("take_away", 1);
    assert_eq!(world.delete("acme", id).await, 500);
    assert_eq!(world.left(id), before);
    world.ledger.lose_answers("take_away", 1);
    assert_eq!(world.delete("acme", id).await, 500);
    assert_eq!(world.delete("acme", id).await, 204, "it was taken away; the rest is made up for");
    assert_eq!(world.left(id), [""; 0]);
}

#[tokio::test]
async fn what_a_worker_in_flight_still_writes_is_swept_away_and_counted_by_nobody() {
    let world = World::new();
    let id = world.split(4).await;
    world.claim(id, 0).await;
    let held = world.ledger.batches(id, &[BatchNumber::new(0)]).await.unwrap().remove(0);
    assert_eq!(world.delete("acme", id).await, 204);
    // The worker stores its outcomes and wants to count them.
    world.objects.put(&ObjectKey::part(id, held.number, 1), "application/x-ndjson", b"x".to_vec()).await.unwrap();
    let progress = Progress { rows: 2, bytes: 44, ..Progress::default() };
    let after = held.recorded(&progress, world.clock.now());
    assert!(world.ledger.write_batches(&[BatchChange { before: held, after }]).await.is_err());
    assert_eq!(world.left(id).len(), 1);
    world.clock.advance(Duration::from_secs(60));
    assert!(world.sweep().await);
    assert_eq!(world.left(id), [""; 0]);
    // The note stays for as long as anybody could write, and then goes.
    world.clock.advance(GRACE);
    assert!(world.sweep().await);
    assert_eq!(world.ledger.erasure(id).await.unwrap(), None);
    assert!(!world.sweep().await);
}
