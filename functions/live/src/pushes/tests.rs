use std::time::Duration;

use filas_domain::clock::Timestamp;
use filas_domain::event::{Origin, of_task};
use filas_domain::live::{PUSH_INTERVAL, Posted};
use filas_domain::task::Task;
use filas_testkit::contract::samples;
use filas_testkit::memory::{MemoryConnections, MemoryLedger, MemoryWatchers};
use tokio::time::Instant;

use super::*;

/// The time of the runtime, which a test can stop.
struct RuntimeClock(Instant);

impl Clock for RuntimeClock {
    fn now(&self) -> Timestamp {
        samples::NOW.plus(self.0.elapsed())
    }
}

struct World {
    clients: Clients<MemoryWatchers, MemoryConnections>,
    ledger: MemoryLedger,
    clock: RuntimeClock,
    task: Task,
}

impl World {
    fn new() -> Self {
        let clients = Clients { watchers: MemoryWatchers::new(), connections: MemoryConnections::new() };
        let (ledger, task) = (MemoryLedger::new(), samples::task());
        ledger.put_as_it_is(&task);
        Self { clients, ledger, clock: RuntimeClock(Instant::now()), task }
    }

    async fn watcher(&self, name: &str, watched: Watched) -> ConnectionId {
        let connection: ConnectionId = name.parse().unwrap();
        self.clients.watchers.connect(&connection, &self.task.head.order.owner, samples::NOW).await.unwrap();
        self.clients.watchers.watch(&connection, &watched, samples::NOW).await.unwrap();
        connection
    }

    async fn watcher_of_task(&self, name: &str) -> ConnectionId {
        self.watcher(name, Watched::Task(self.task.id)).await
    }

    fn message(&self, id: &str) -> Delivery {
        let event = of_task(Origin { source: "stack", sequence: id }, None, Some(&self.task)).unwrap();
        Delivery::new(id, id, &serde_json::to_string(&event).unwrap(), 1)
    }

    async fn push(&self, deliveries: &[Delivery]) -> Redeliver {
        Pushes { clients: &self.clients, ledger: &self.ledger, clock: &self.clock }.run(deliveries).await
    }

    fn told(&self, connection: &ConnectionId) -> Vec<LiveMessage> {
        let told = self.clients.connections.told(connection);
        told.iter().map(|text| serde_json::from_str(text).unwrap()).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn every_watcher_is_told_the_task_as_it_is() {
    let world = World::new();
    let one = world.watcher_of_task("one").await;
    let all = world.watcher("all", Watched::All(world.task.head.order.owner.clone())).await;
    let stranger = world.watcher("stranger", Watched::All(samples::owner())).await;
    // Of both kinds: told once all the same.
    let both = world.watcher_of_task("both").await;
    world.watcher("both", Watched::All(world.task.head.order.owner.clone())).await;
    assert!(world.push(&[world.message("1"), world.message("2")]).await.is_empty());
    for connection in [&one, &all, &both] {
        let told = world.told(connection);
        let [LiveMessage::Task(seen)] = told.as_slice() else { panic!("{connection}: {told:?}") };
        assert_eq!(seen.task.id, world.task.id);
    }
    assert_eq!(world.told(&stranger), []);
}

#[tokio::test(start_paused = true)]
async fn many_changes_are_told_four_times_a_second_and_the_last_one_is_told() {
    let mut world = World::new();
    let connection = world.watcher_of_task("one").await;
    // Three workers of this function get the changes of two seconds, one every 10 milliseconds.
    let begun = Instant::now();
    let world_ref = &world;
    let workers = (0..3_u64).map(|worker| async move {
        for change in 0..67_u64 {
            tokio::time::sleep_until(begun + Duration::from_millis((change * 3 + worker) * 10)).await;
            let message = world_ref.message(&format!("{worker}-{change}"));
            assert!(world_ref.push(&[message]).await.is_empty());
        }
    });
    join_all(workers).await;
    let seconds = begun.elapsed().as_secs_f64();
    let told = world.told(&connection).len();
    assert!(told as f64 <= seconds * 4.0 + 1.0, "{told} in {seconds} s");
    assert!(told >= 7, "{told} in {seconds} s");
    // And now the last: it is told, though the one before was a moment ago.
    world.task.tally.counts.succeeded = 7;
    world.ledger.put_as_it_is(&world.task);
    world.push(&[world.message("last")]).await;
    let Some(LiveMessage::Task(seen)) = world.told(&connection).pop() else { panic!("nothing was told") };
    assert_eq!(seen.task.succeeded, 7);
}

#[tokio::test(start_paused = true)]
async fn of_two_who_wait_one_tells_and_the_other_need_not() {
    let world = World::new();
    let connection = world.watcher_of_task("one").await;
    world.push(&[world.message("1")]).await;
    let (two, three) = ([world.message("2")], [world.message("3")]);
    tokio::join!(world.push(&two), world.push(&three));
    assert_eq!(world.told(&connection).len(), 2);
    assert!(world.clock.0.elapsed() < PUSH_INTERVAL * 2);
}

#[tokio::test(start_paused = true)]
async fn gone_clients_are_forgotten_and_the_others_told() {
    let world = World::new();
    let (gone, here) = (world.watcher_of_task("gone").await, world.watcher_of_task("here").await);
    world.clients.connections.lose(&gone);
    world.push(&[world.message("1")]).await;
    assert_eq!((world.told(&gone).len(), world.told(&here).len()), (0, 1));
    assert_eq!(world.clients.watchers.watchers(&Watched::Task(world.task.id)).await.unwrap(), [here]);
    assert_eq!(world.clients.watchers.owner_of(&gone).await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_cannot_be_told_is_sent_away_so_that_it_comes_back_to_a_snapshot() {
    let world = World::new();
    let connection = world.watcher_of_task("one").await;
    world.clients.connections.fail_next("post", 1);
    assert!(world.push(&[world.message("1")]).await.is_empty(), "it holds nobody else's message up");
    assert_eq!(world.clients.connections.closed(), [connection]);
    assert_eq!(world.clients.watchers.watchers(&Watched::Task(world.task.id)).await.unwrap(), []);
}

/// Connections of which those named `slow` take three seconds and then fail, as the gateway's port does.
struct SlowConnections(MemoryConnections);

impl Connections for SlowConnections {
    async fn post(&self, connection: &ConnectionId, text: &str) -> Result<Posted, PortError> {
        if connection.as_str().starts_with("slow") {
            tokio::time::sleep(Duration::from_secs(3)).await;
            return Err(PortError::transient("send to a client", "no answer"));
        }
        self.0.post(connection, text).await
    }

    async fn close(&self, connection: &ConnectionId) -> Result<(), PortError> {
        self.0.close(connection).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_client_keeps_nobody_waiting_and_is_slow_only_once() {
    let world = World::new();
    let mut slow = Vec::new();
    for number in 0..20 {
        slow.push(world.watcher_of_task(&format!("slow{number}")).await);
    }
    let quick = world.watcher_of_task("quick").await;
    let clients = Clients {
        watchers: world.clients.watchers.clone(),
        connections: SlowConnections(world.clients.connections.clone()),
    };
    let pushes = Pushes { clients: &clients, ledger: &world.ledger, clock: &world.clock };
    let (first, second) = ([world.message("1")], [world.message("2")]);
    let told_after = async {
        tokio::time::sleep(Duration::from_millis(10)).await;
        world.told(&quick).len()
    };
    let (again, told) = tokio::join!(pushes.run(&first), told_after);
    assert!(again.is_empty() && told == 1, "the quick one was told before the slow ones had failed");
    let begun = Instant::now();
    assert!(pushes.run(&second).await.is_empty());
    assert!(begun.elapsed() < PUSH_INTERVAL, "they were sent away: {:?}", begun.elapsed());
    assert_eq!((world.told(&quick).len(), clients.connections.0.closed().len()), (2, slow.len()));
}

#[tokio::test(start_paused = true)]
async fn trouble_with_the_store_brings_the_messages_of_that_task_again_and_no_others() {
    let world = World::new();
    world.watcher_of_task("one").await;
    world.clients.watchers.fail_next("watchers", 1);
    let broken = Delivery::new("broken", "broken", "{", 1);
    let again = world.push(&[world.message("1"), broken]).await;
    assert_eq!(again.len(), 2, "{again:?}");
    assert!(world.push(&[world.message("1")]).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_task_is_told_too() {
    let world = World::new();
    let connection = world.watcher_of_task("one").await;
    world.ledger.forget(world.task.id);
    world.push(&[world.message("1")]).await;
    assert_eq!(world.told(&connection), [LiveMessage::Deleted { task: world.task.id }]);
}
