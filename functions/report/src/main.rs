//! Wires the `report` function to the cloud.

// The futures of the ports nest deeply in one another.
#![recursion_limit = "256"]

use std::sync::Arc;

use filas_aws::{Cloud, SystemClock, env, telemetry};
use filas_domain::metrics::Metrics;
use filas_domain::ports::Clock as _;
use lambda_runtime::{LambdaEvent, service_fn};
use report::handler::{Event, Invocation, Reporter};

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    telemetry::init();
    let cloud = Cloud::from_env().await?;
    let reporter = Reporter {
        ledger: cloud.ledger()?,
        objects: cloud.objects()?,
        queue: cloud.report_queue()?,
        deliveries: cloud.deliveries(env::REPORT_QUEUE_URL)?,
        clock: SystemClock,
        metrics: Metrics::new(),
        meter: Arc::new(cloud.meter.clone()),
    };
    let stack = env::required(env::STACK)?;
    lambda_runtime::run(service_fn(|event: LambdaEvent<Event>| {
        let invocation = Invocation::of(&event.context);
        let (reporter, stack) = (&reporter, &stack);
        async move {
            let again = reporter.answer(event.payload, &invocation).await;
            if let Some(line) = reporter.metrics.line(stack, reporter.clock.now()) {
                println!("{line}");
            }
            Ok::<_, lambda_runtime::Error>(again)
        }
    }))
    .await
}
