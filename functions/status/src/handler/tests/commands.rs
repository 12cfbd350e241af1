use filas_domain::batch::BatchState;
use filas_domain::outcome::{Failure, Stage};

use super::*;

impl World {
    async fn task(&self, id: TaskId) -> Task {
        self.ledger.task(id).await.unwrap().unwrap()
    }

    fn states(&self, id: TaskId) -> Vec<BatchState> {
        self.ledger.all_batches(id).iter().map(|batch| batch.state).collect()
    }

    /// The batches that have a message, in the order in which they were sent.
    fn messages(&self) -> Vec<u32> {
        let bodies = self.queue.bodies();
        bodies.iter().map(|body| BatchMessage::decode(body).unwrap().batch.get()).collect()
    }

    async fn fanned_out(&self, id: TaskId) {
        self.head(id, |task| Some(task.fanned_out(self.clock.now()))).await;
    }

    /// Ends a batch with these outcomes: `None` succeeded, else the code.
    async fn end(&self, id: TaskId, number: u32, outcomes: &[(u32, Option<&str>)]) {
        self.claim(id, number).await;
        let (mut counts, mut object) = (Counts::default(), Vec::new());
        for (row, code) in outcomes {
            let failed = |code: &&str| Failure { stage: Stage::Deliver, code: (*code).into(), message: "no".into() };
            let result =
                code.as_ref().map_or(RowResult::Succeeded { kept: None }, |code| RowResult::Failed(failed(code)));
            let line = OutcomeLine::new(RowNumber::new(*row), result);
            counts.count(&line);
            line.write_to(&mut object);
        }
        let epoch = self.ledger.all_batches(id).iter().find(|batch| batch.number.get() == number).unwrap().epoch();
        let key = ObjectKey::part(id, BatchNumber::new(number), epoch);
        let (rows, bytes) = (outcomes.len() as u32, ByteRange { start: 0, end: object.len() as u64 });
        self.objects.put(&key, "application/x-ndjson", object).await.unwrap();
        let progress = Progress {
            rows,
            bytes: 0,
            counts,
            part: Some(Part { key, bytes, rows, is_overlay: false }),
            ..Progress::default()
        };
        self.change(id, number, |batch| batch.recorded(&progress, self.clock.now())).await;
    }

    /// A task of three batches of two rows: done, with a failed row; dead with one row done; and done.
    async fn ended(&self) -> TaskId {
        let id = self.split(6).await;
        self.fanned_out(id).await;
        self.end(id, 0, &[(2, None), (3, Some("HTTP_422"))]).await;
        self.succeed(id, &[(1, 1)]).await;
        self.change(id, 1, |batch| batch.buried(self.clock.now())).await;
        self.end(id, 2, &[(6, None), (7, Some("TIMEOUT"))]).await;
        self.finish(id).await;
        id
    }

    async fn assert_audited(&self, id: TaskId) {
        let audit = self.ask("acme", &format!("tasks/{id}/audit")).await;
        assert_eq!((audit.status, &audit.body["agrees"]), (200, &Value::Bool(true)), "{}", audit.body);
    }
}

#[tokio::test]
async fn a_task_is_cancelled_at_once_where_nobody_works_on_it() {
    let world = World::new();
    let waiting = world.awaiting("acme").await;
    let answer = world.command(&format!("tasks/{waiting}/cancel"), Value::Null).await;
    assert_eq!((answer.status, &answer.body["state"]), (202, &"cancelled".into()));

    let id = world.split(6).await;
    world.succeed(id, &[(0, 2)]).await;
    let answer = world.command(&format!("tasks/{id}/cancel"), Value::Null).await;
    assert_eq!(answer.body["state"], "cancelled", "{}", answer.body);
    assert_eq!((&answer.body["succeeded"], &answer.body["unprocessed"]), (&2.into(), &4.into()));
    assert_eq!(world.states(id), [BatchState::Done, BatchState::Cancelled, BatchState::Cancelled]);
    world.assert_audited(id).await;
}

#[tokio::test]
async fn a_batch_that_a_worker_holds_ends_by_itself_before_its_task_is_cancelled() {
    let world = World::new();
    let id = world.split(4).await;
    world.claim(id, 0).await;
    let answer = world.command(&format!("tasks/{id}/cancel"), Value::Null).await;
    assert_eq!(answer.body["state"], "cancelling");
    assert_eq!(world.states(id), [BatchState::Processing, BatchState::Cancelled]);
    let counts = Counts { succeeded: 2, ..Counts::default() };
    let progress = Progress { rows: 2, bytes: 44, counts, ..Progress::default() };
    world.change(id, 0, |batch| batch.recorded(&progress, world.clock.now())).await;
    let again = world.command(&format!("tasks/{id}/cancel"), Value::Null).await;
    assert_eq!((again.status, &again.body["state"]), (202, &"cancelled".into()), "asked for twice, it goes on");
}

#[tokio::test]
async fn a_paused_task_is_resumed_with_a_message_for_every_batch_that_is_open_and_free() {
    let world = World::new();
    let id = world.split(8).await;
    world.fanned_out(id).await;
    assert_eq!(world.command(&format!("tasks/{id}/pause"), Value::Null).await.body["state"], "paused");
    world.succeed(id, &[(0, 2)]).await;
    world.claim(id, 1).await;
    world.change(id, 2, |batch| batch.parked("9", world.clock.now()).unwrap()).await;
    let answer = world.command(&format!("tasks/{id}/resume"), Value::Null).await;
    assert_eq!((answer.status, &answer.body["state"]), (202, &"processing".into()));
    assert_eq!(world.messages(), [2, 3], "0 is done, 1 is in a worker's hands");
    assert!(world.task(id).await.head.split.fanned_out);
    world.command(&format!("tasks/{id}/resume"), Value::Null).await;
    assert_eq!(world.messages(), [2, 3], "asked for twice, it happens once");
}

#[tokio::test]
async fn a_resume_that_dies_before_it_sends_is_made_up_for_by_the_next() {
    let world = World::new();
    let id = world.split(2).await;
    world.fanned_out(id).await;
    world.command(&format!("tasks/{id}/pause"), Value::Null).await;
    world.queue.fail_next("send", 1);
    assert_eq!(world.command(&format!("tasks/{id}/resume"), Value::Null).await.status, 500);
    assert!(!world.task(id).await.head.split.fanned_out, "the task says that messages are missing");
    assert_eq!(world.command(&format!("tasks/{id}/resume"), Value::Null).await.status, 202);
    assert_eq!(world.messages(), [0]);
}

#[tokio::test]
async fn dead_batches_are_put_through_again_and_their_rows_counted_once() {
    let world = World::new();
    let id = world.ended().await;
    let path = format!("tasks/{id}/redrive");
    let answer = world.command(&path, json!({"dead": true})).await;
    assert_eq!(
        (answer.status, &answer.body["rows"], &answer.body["task"]["state"]),
        (202, &1.into(), &"processing".into())
    );
    assert_eq!(answer.body["task"]["unprocessed"], 0);
    assert_eq!(world.messages(), [1]);
    assert_eq!(world.command(&path, json!({"dead": true})).await.body["rows"], 0, "asked for twice, it happens once");
    world.assert_audited(id).await;

    world.end(id, 1, &[(5, None)]).await;
    world.finish(id).await;
    world.assert_audited(id).await;
    let task = world.task(id).await;
    assert_eq!((task.tally.counts.succeeded, task.tally.counts.failed, task.tally.dead), (4, 2, 0));
    let batch = world.ask("acme", &format!("tasks/{id}/batches/1")).await;
    assert_eq!(batch.body["attempts"].as_array().unwrap().len(), 2, "the history is kept");
}

#[tokio::test]
async fn failed_rows_are_put_through_again_by_code_and_the_last_outcome_is_right() {
    let world = World::new();
    let id = world.ended().await;
    let path = format!("tasks/{id}/redrive");
    let answer = world.command(&path, json!({"failed": {"code": "TIMEOUT"}})).await;
    assert_eq!(answer.body["rows"], 1);
    assert_eq!(answer.body["task"]["failed_by_code"], json!({"HTTP_422": 1}));
    assert_eq!(world.messages(), [2]);
    world.end(id, 2, &[(7, None)]).await;
    world.finish(id).await;
    world.assert_audited(id).await;
}

#[tokio::test]
async fn failed_rows_that_die_with_their_worker_are_unprocessed() {
    let world = World::new();
    let id = world.ended().await;
    world.command(&format!("tasks/{id}/redrive"), json!({"failed": {}})).await;
    world.end(id, 0, &[(3, None)]).await;
    world.change(id, 2, |batch| batch.buried(world.clock.now())).await;
    world.finish(id).await;
    world.assert_audited(id).await;
}

#[tokio::test]
async fn a_command_that_makes_no_sense_is_refused_with_the_state() {
    let world = World::new();
    let id = world.ended().await;
    let answer = world.command(&format!("tasks/{id}/pause"), Value::Null).await;
    assert_eq!(answer.status, 409);
    assert_eq!(answer.body["detail"], "A task that is completed_with_failures cannot be paused.");
    let answer = world.command(&format!("tasks/{id}/redrive"), json!({})).await;
    assert_eq!(answer.status, 400, "{}", answer.body);
    let answer = world.call("other", "POST", &format!("tasks/{id}/cancel"), Value::Null).await;
    assert_eq!(answer.status, 404, "another owner's task is not there");
}
