use filas_domain::event::{Origin, of_task};
use filas_domain::keys::ObjectKey;
use filas_domain::ports::ObjectWriter as _;
use filas_domain::task::Task;
use filas_testkit::contract::samples;
use filas_testkit::memory::{ManualClock, MemoryLedger, MemoryObjects, MemoryQueue, MemorySecrets};
use filas_testkit::receiver::{Receiver, Reply};
use serde_json::json;

use super::*;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const DELIVERIES: u32 = 3;

struct World {
    webhooks: Webhooks<MemoryLedger, MemoryObjects, MemorySecrets, MemoryQueue, ManualClock>,
    queue: MemoryQueue,
    clock: ManualClock,
    receiver: Receiver,
    task: Task,
}

impl World {
    /// A task whose pipeline has this webhook; `@` stands for the receiver, which answers so.
    async fn new(webhook: &str, answers: impl Fn(usize) -> Reply + Send + Sync + 'static) -> Self {
        let receiver = Receiver::start("127.0.0.1:0", move |_, before| answers(before)).unwrap();
        let (clock, task) = (ManualClock::default(), samples::task());
        let queue = MemoryQueue::new("webhook", &clock, Duration::from_secs(360), DELIVERIES);
        let (objects, secrets) = (MemoryObjects::new(), MemorySecrets::new());
        let order = &task.head.order;
        secrets.put(&order.owner, "hook", SECRET);
        let yaml = format!("name: prices\ndeliver: none\n{}", webhook.replace('@', &receiver.url()));
        let key = ObjectKey::pipeline(&order.owner, &order.pipeline);
        objects.put(&key, "application/yaml", yaml.into_bytes()).await.unwrap();
        let place = receiver.url().replace("http://", "");
        let webhooks = Webhooks {
            ledger: MemoryLedger::new(),
            objects,
            secrets,
            deliveries: queue.clone(),
            clock: clock.clone(),
            variables: Variables::new().with("OUTBOUND_ALLOW", place),
            first_wait: Duration::from_secs(10),
        };
        Self { webhooks, queue, clock, receiver, task }
    }

    fn event(&self) -> Event {
        of_task(Origin { source: "stack", sequence: "7" }, Some(&self.task), None).unwrap()
    }

    /// Delivers what is due, and says how many messages are to come again.
    async fn deliver(&self) -> usize {
        let received = self.queue.receive(10);
        let deliveries = received
            .iter()
            .map(|one| Delivery::new(&one.message_id, &one.receipt_handle, &one.body, one.receive_count))
            .collect::<Vec<_>>();
        let again = self.webhooks.run(&deliveries).await;
        if again.is_empty() {
            received.iter().for_each(|one| self.queue.delete(&one.receipt_handle));
        }
        again.len()
    }

    fn came(&self) -> Vec<filas_testkit::receiver::Received> {
        self.receiver.received("/hook")
    }
}

const HOOK: &str = "webhook: { url: '@/hook', sign: secret:hook, events: [filas.task.deleted] }";

#[tokio::test]
async fn an_event_is_told_as_it_was_published_and_signed() {
    let world = World::new(HOOK, |_| Reply::Status(204, "")).await;
    let body = serde_json::to_string(&world.event()).unwrap();
    world.queue.send_body(&*body);
    assert_eq!(world.deliver().await, 0);
    let came = world.came();
    assert_eq!(came.len(), 1);
    assert_eq!((came[0].body.as_str(), came[0].header("webhook-id")), (body.as_str(), world.event().id.as_str()));
    assert_eq!(came[0].header("content-type"), "application/cloudevents+json");
    assert!(came[0].is_signed_by(SECRET) && !came[0].is_signed_by("whsec_b3RoZXI="), "{came:?}");
    assert!(world.queue.bodies().is_empty());
}

#[tokio::test]
async fn a_receiver_in_trouble_is_told_later_and_later_and_then_it_is_a_dead_letter() {
    let world = World::new(HOOK, |_| Reply::Status(503, "")).await;
    world.queue.send_body(serde_json::to_string(&world.event()).unwrap());
    for wait in [10, 40] {
        assert_eq!(world.deliver().await, 1);
        world.clock.advance(Duration::from_secs(wait - 1));
        assert_eq!(world.queue.receive(1).len(), 0, "it comes before {wait} seconds");
        world.clock.advance(Duration::from_secs(1));
    }
    assert_eq!(world.deliver().await, 1);
    world.clock.advance(Duration::from_secs(160));
    assert_eq!(world.queue.receive(1).len(), 0);
    assert_eq!((world.came().len(), world.queue.dead().len()), (3, 1));
    let ids: Vec<_> = world.came().iter().map(|came| came.header("webhook-id").to_owned()).collect();
    assert!(ids.iter().all(|id| *id == world.event().id), "{ids:?}");
}

#[tokio::test]
async fn a_receiver_that_asks_for_a_pause_gets_it_and_a_redirect_is_not_followed() {
    let pause = |before| if before == 0 { Reply::Status(429, "retry-after: 300\r\n") } else { Reply::Status(200, "") };
    let world = World::new(HOOK, pause).await;
    world.queue.send_body(serde_json::to_string(&world.event()).unwrap());
    assert_eq!(world.deliver().await, 1);
    world.clock.advance(Duration::from_secs(299));
    assert_eq!(world.queue.receive(1).len(), 0);
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(world.deliver().await, 0);

    let world = World::new(HOOK, |_| Reply::Status(307, "location: /elsewhere\r\n")).await;
    world.queue.send_body(serde_json::to_string(&world.event()).unwrap());
    assert_eq!(world.deliver().await, 1);
    assert!(world.receiver.received("/elsewhere").is_empty());
}

#[tokio::test]
async fn what_nobody_wants_is_settled_and_what_cannot_be_told_stays() {
    let check = async |webhook: &str, body: Option<&str>, again: usize| {
        let world = World::new(webhook, |_| Reply::Status(200, "")).await;
        world.queue.send_body(body.map_or_else(|| serde_json::to_string(&world.event()).unwrap(), str::to_owned));
        assert_eq!(world.deliver().await, again, "{webhook} {body:?}");
        assert!(world.came().is_empty(), "{webhook} {body:?}");
    };
    check("", None, 0).await;
    check("webhook: { url: '@/hook', sign: secret:hook }", None, 0).await;
    check("webhook: { url: '@/hook', sign: secret:none, events: [filas.task.deleted] }", None, 1).await;
    check("webhook: { url: 'https://127.0.0.1:1/', sign: secret:hook, events: [filas.task.deleted] }", None, 1).await;
    check(HOOK, Some("no event"), 1).await;
    let damage = json!({
        "specversion": "1.0", "id": "1", "source": "s", "type": "filas.record.unreadable", "subject": "records/1",
        "datacontenttype": "application/json", "sequence": "1", "data": {},
    });
    check(HOOK, Some(&damage.to_string()), 0).await;
}
