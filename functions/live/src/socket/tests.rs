use std::time::Duration;

use filas_domain::clock::Timestamp;
use filas_domain::live::TICKET_KEPT;
use filas_testkit::contract::samples;
use filas_testkit::memory::{ManualClock, MemoryConnections, MemoryLedger, MemoryWatchers};

use super::*;

const NOW: Timestamp = samples::NOW;

struct World {
    socket: Socket<MemoryWatchers, MemoryConnections, MemoryLedger, ManualClock>,
    owner: Owner,
}

impl World {
    fn new() -> Self {
        let clients = Clients { watchers: MemoryWatchers::new(), connections: MemoryConnections::new() };
        let socket = Socket { clients, ledger: MemoryLedger::new(), clock: ManualClock::new(NOW) };
        Self { socket, owner: samples::owner() }
    }

    fn watchers(&self) -> &MemoryWatchers {
        &self.socket.clients.watchers
    }

    /// A task of this world's owner.
    fn task(&self) -> TaskId {
        let task = samples::task_after(&self.owner, 0);
        self.socket.ledger.put_as_it_is(&task);
        task.id
    }

    async fn ticket(&self, text: &str) {
        let digest = sha256_hex(text.as_bytes());
        self.watchers().keep_ticket(&digest, &self.owner, NOW.plus(TICKET_KEPT)).await.unwrap();
    }

    async fn send(&self, event: Value) -> u64 {
        let answer = self.socket.serve(&serde_json::from_value(event).unwrap()).await;
        answer["statusCode"].as_u64().unwrap()
    }

    async fn connect(&self, connection: &str, ticket: Option<&str>) -> u64 {
        let parameters = ticket.map(|ticket| json!({ "ticket": ticket }));
        let context = json!({ "eventType": "CONNECT", "connectionId": connection, "routeKey": "$connect" });
        self.send(json!({ "requestContext": context, "queryStringParameters": parameters })).await
    }

    async fn say(&self, connection: &str, text: &str) -> Vec<LiveMessage> {
        let context = json!({ "eventType": "MESSAGE", "connectionId": connection, "routeKey": "$default" });
        assert_eq!(self.send(json!({ "requestContext": context, "body": text })).await, 200, "{text}");
        let told = self.socket.clients.connections.told(&connection.parse().unwrap());
        told.iter().map(|text| serde_json::from_str(text).unwrap()).collect()
    }
}

#[tokio::test]
async fn only_a_fresh_ticket_lets_a_client_in_and_only_once() {
    let world = World::new();
    world.ticket("good").await;
    for (ticket, expected) in [(None, 401), (Some("wrong"), 401), (Some("good"), 200), (Some("good"), 401)] {
        assert_eq!(world.connect("c1", ticket).await, expected, "{ticket:?}");
    }
    world.ticket("late").await;
    world.socket.clock.advance(Duration::from_secs(61));
    assert_eq!(world.connect("c2", Some("late")).await, 401);
}

#[tokio::test]
async fn who_subscribes_gets_a_snapshot_at_once_and_is_on_the_list() {
    let world = World::new();
    let task = world.task();
    world.ticket("t").await;
    world.connect("c1", Some("t")).await;
    let told = world.say("c1", &json!({ "action": "subscribe", "task": task }).to_string()).await;
    let [LiveMessage::Task(seen)] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!(seen.task.id, task);
    let told = world.say("c1", r#"{"action":"subscribe","tasks":"all"}"#).await;
    let [_, LiveMessage::Snapshot { tasks }] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!(tasks.iter().map(|seen| seen.task.id).collect::<Vec<_>>(), [task]);
    for watched in [Watched::Task(task), Watched::All(world.owner.clone())] {
        assert_eq!(world.watchers().watchers(&watched).await.unwrap().len(), 1, "{watched:?}");
    }
}

#[tokio::test]
async fn another_owners_task_is_answered_as_one_that_is_not_there() {
    let world = World::new();
    let foreign = samples::task();
    world.socket.ledger.put_as_it_is(&foreign);
    world.ticket("t").await;
    world.connect("c1", Some("t")).await;
    let nowhere = samples::task().id.to_string();
    for asked in [foreign.id.to_string(), nowhere, "nonsense".to_owned()] {
        let told = world.say("c1", &json!({ "action": "subscribe", "task": asked }).to_string()).await;
        assert_eq!(told.last(), Some(&LiveMessage::Missing { task: asked.clone() }));
    }
    assert_eq!(world.watchers().watchers(&Watched::Task(foreign.id)).await.unwrap(), []);
    let told = world.say("c1", r#"{"action":"subscribe","tasks":"all"}"#).await;
    assert_eq!(told.last(), Some(&LiveMessage::Snapshot { tasks: vec![] }));
}

#[tokio::test]
async fn what_cannot_be_understood_is_answered_and_a_ping_too() {
    let world = World::new();
    world.ticket("t").await;
    world.connect("c1", Some("t")).await;
    for text in ["", "{", r#"{"action":"shout"}"#, r#"{"action":"subscribe"}"#, r#"{"action":"subscribe","tasks":"x"}"#]
    {
        let told = world.say("c1", text).await;
        assert!(matches!(told.last(), Some(LiveMessage::Error { .. })), "{text}: {told:?}");
    }
    assert_eq!(world.say("c1", r#"{"action":"ping"}"#).await.last(), Some(&LiveMessage::Pong));
}

#[tokio::test]
async fn who_leaves_is_forgotten_and_who_is_not_known_is_sent_away() {
    let world = World::new();
    let task = world.task();
    world.ticket("t").await;
    world.connect("c1", Some("t")).await;
    let subscribe = json!({ "action": "subscribe", "task": task }).to_string();
    world.say("c1", &subscribe).await;
    world.send(json!({ "requestContext": { "eventType": "DISCONNECT", "connectionId": "c1" } })).await;
    assert_eq!(world.watchers().watchers(&Watched::Task(task)).await.unwrap(), []);
    world.say("c1", &subscribe).await;
    assert_eq!(world.socket.clients.connections.closed(), ["c1".parse().unwrap()]);
}

#[tokio::test]
async fn a_store_in_trouble_is_told_to_the_gateway() {
    let world = World::new();
    world.ticket("t").await;
    world.watchers().fail_next("use_ticket", 1);
    assert_eq!(world.connect("c1", Some("t")).await, 500);
    assert_eq!(world.connect("c1", Some("t")).await, 200, "the ticket was not used up by it");
}
