//! Those who go on by themselves: the mappings from queues to functions, the schedule of the sweeper.

use std::rc::Rc;
use std::time::Duration;

use filas_domain::clock::Timestamp;
use filas_domain::delivery::{Delivery, Redeliver};
use filas_domain::ports::Clock as _;
use processor::handler::Invocation;
use tokio::time::sleep;

use crate::bugs::Bug;
use crate::executor::Actor;
use crate::person::person;
use crate::queue::SimQueue;
use crate::scenario::Scenario;
use crate::world::{Process, World};

/// When Lambda ends a processor, from its start.
const PROCESSOR_LIMIT: Duration = Duration::from_secs(30);
/// When Lambda ends a splitter.
const SPLITTER_LIMIT: Duration = Duration::from_secs(300);
/// When Lambda ends a reporter.
const REPORTER_LIMIT: Duration = Duration::from_secs(300);
/// When Lambda ends an undertaker, or a sweeper.
const SHORT_LIMIT: Duration = Duration::from_secs(60);
/// How long a zombie goes on after its time limit.
const ZOMBIE: Duration = Duration::from_secs(100);
/// How often the sweeper comes.
const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// Everybody in this scenario.
pub fn cast(world: &Rc<World>, scenario: &Scenario) -> Vec<Actor<'static>> {
    let zombies = scenario.zombies;
    let mut actors: Vec<Actor<'static>> = Vec::new();
    for _ in 0..scenario.processors {
        let number = actors.len();
        actors.push(Box::pin(processors(world.clone(), number, zombies)));
    }
    for _ in 0..scenario.splitters {
        let number = actors.len();
        actors.push(Box::pin(splitters(world.clone(), number, zombies)));
    }
    for queue in [&world.batch_dead, &world.ingest_dead] {
        let number = actors.len();
        actors.push(Box::pin(undertakers(world.clone(), number, queue.clone())));
    }
    let number = actors.len();
    actors.push(Box::pin(reporters(world.clone(), number, zombies)));
    if !world.bug.is_some_and(Bug::needs_no_sweeper) {
        let number = actors.len();
        actors.push(Box::pin(sweepers(world.clone(), number)));
    }
    for (which, upload) in scenario.uploads.iter().enumerate() {
        let number = actors.len();
        // From now on, and not from its first turn on: nothing is over before everybody has come.
        world.person(true);
        actors.push(Box::pin(person(world.clone(), number, which, upload.clone())));
    }
    actors
}

/// How long an invocation lives.
fn lifetime(world: &World, limit: Duration, zombies: u32) -> Duration {
    if world.sim.roll(|dice| dice.chance(zombies)) { limit + ZOMBIE } else { limit }
}

/// One processor after the other, each for as long as it lives.
async fn processors(world: Rc<World>, actor: usize, zombies: u32) {
    for generation in 1.. {
        let process = world.process(actor, &format!("processor-{actor}.{generation}"));
        let processor = world.processor(&process);
        loop {
            let deliveries = next(&world, &world.batch, &process, 10).await;
            let deadline = process.clock.now().plus(PROCESSOR_LIMIT);
            let invocation = Invocation::new(&process.name, deadline);
            let limit = lifetime(&world, PROCESSOR_LIMIT, zombies);
            let run = processor.run(&deliveries, &invocation);
            match world.invoke(&process, limit, false, run).await {
                Some(again) => settle(&world, &world.batch, &deliveries, &again),
                None => break,
            }
        }
    }
}

/// One splitter after the other, each for as long as it lives.
async fn splitters(world: Rc<World>, actor: usize, zombies: u32) {
    for generation in 1.. {
        let process = world.process(actor, &format!("splitter-{actor}.{generation}"));
        let splitter = world.splitter(&process);
        loop {
            let deliveries = next(&world, &world.ingest, &process, 2).await;
            let deadline: Timestamp = process.clock.now().plus(SPLITTER_LIMIT);
            let invocation = split::handler::Invocation { deadline };
            let limit = lifetime(&world, SPLITTER_LIMIT, zombies);
            match world.invoke(&process, limit, true, splitter.run(&deliveries, &invocation)).await {
                Some(again) => settle(&world, &world.ingest, &deliveries, &again),
                None => break,
            }
        }
    }
}

/// One reporter after the other, each for as long as it lives.
async fn reporters(world: Rc<World>, actor: usize, zombies: u32) {
    for generation in 1.. {
        let process = world.process(actor, &format!("reporter-{actor}.{generation}"));
        let reporter = world.reporter(&process);
        loop {
            let deliveries = next(&world, &world.report, &process, 1).await;
            let deadline: Timestamp = process.clock.now().plus(REPORTER_LIMIT);
            let invocation = report::handler::Invocation { deadline };
            let limit = lifetime(&world, REPORTER_LIMIT, zombies);
            match world.invoke(&process, limit, true, reporter.run(&deliveries, &invocation)).await {
                Some(again) => settle(&world, &world.report, &deliveries, &again),
                None => break,
            }
        }
    }
}

/// One undertaker after the other, each for as long as it lives.
async fn undertakers(world: Rc<World>, actor: usize, queue: SimQueue) {
    for generation in 1.. {
        let process = world.process(actor, &format!("undertaker-{actor}.{generation}"));
        let undertaker = world.undertaker(&process);
        loop {
            let deliveries = next(&world, &queue, &process, 10).await;
            if world.bug == Some(Bug::DropsDeadLetters) {
                settle(&world, &queue, &deliveries, &Redeliver::default());
                continue;
            }
            match world.invoke(&process, SHORT_LIMIT, false, undertaker.run(&deliveries)).await {
                Some(again) => settle(&world, &queue, &deliveries, &again),
                None => break,
            }
        }
    }
}

/// One sweeper after the other, each for as long as it lives.
async fn sweepers(world: Rc<World>, actor: usize) {
    for generation in 1.. {
        let process = world.process(actor, &format!("sweeper-{actor}.{generation}"));
        let sweeper = world.sweeper(&process);
        loop {
            sleep(SWEEP_EVERY).await;
            let deadline = process.clock.now().plus(SHORT_LIMIT);
            match world.invoke(&process, SHORT_LIMIT, false, sweeper.run(deadline)).await {
                Some(Ok(report)) if report.drifting > 0 => {
                    world.sim.fail(format!("the sweeper saw a drift: {report:?}"))
                }
                Some(Ok(_)) => {}
                // It is called again on schedule.
                Some(Err(error)) => world.sim.note(&process.name, || format!("gives up for now: {error:#}")),
                None => break,
            }
        }
    }
}

/// What a mapping hands to its function next.
async fn next(world: &World, queue: &SimQueue, process: &Process, at_most: u64) -> Vec<Delivery> {
    loop {
        queue.wait().await;
        let deliveries = queue.receive(at_most);
        if !deliveries.is_empty() {
            world.sim.note(&process.name, || {
                let handles: Vec<&str> = deliveries.iter().map(|delivery| delivery.receipt_handle.as_str()).collect();
                format!("receives {}", handles.join(", "))
            });
            if world.bug == Some(Bug::AcknowledgesFirst) {
                deliveries.iter().for_each(|delivery| queue.delete(&delivery.receipt_handle));
            }
            return deliveries;
        }
    }
}

/// Deletes what the function did not ask for again, as Lambda does.
fn settle(world: &World, queue: &SimQueue, deliveries: &[Delivery], again: &Redeliver) {
    let answer = serde_json::to_value(again).unwrap_or_default();
    let is_named = |delivery: &Delivery| {
        let failures = answer["batchItemFailures"].as_array();
        failures.is_some_and(|failures| failures.iter().any(|failed| failed["itemIdentifier"] == delivery.message_id()))
    };
    for delivery in deliveries {
        if world.bug == Some(Bug::SwallowsFailures) || !is_named(delivery) {
            queue.delete(&delivery.receipt_handle);
        }
    }
}
