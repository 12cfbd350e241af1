//! Wires the `processor` function to the cloud.

// The futures of the ports nest deeply in one another.
#![recursion_limit = "256"]

use std::sync::Arc;

use filas_aws::{Cloud, SystemClock, env, telemetry};
use filas_domain::delivery::QueueEvent;
use filas_domain::ports::Clock as _;
use filas_pipeline::{Ports, Services, Variables};
use lambda_runtime::{LambdaEvent, service_fn};
use processor::handler::{Invocation, Processor};
use processor::pipelines::Pipelines;

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    telemetry::init();
    let cloud = Cloud::from_env().await?;
    let objects = cloud.objects()?;
    let ports = Ports {
        records: cloud.records()?,
        permits: cloud.permits()?,
        secrets: cloud.secrets()?,
        queue: cloud.row_queue(),
        clock: SystemClock,
    };
    let services = Services::of_worker(ports);
    let stack = env::required(env::STACK)?;
    let processor = Processor {
        ledger: cloud.ledger()?,
        queue: cloud.batch_queue()?,
        deliveries: cloud.deliveries(env::BATCH_QUEUE_URL)?,
        pipelines: Pipelines::new(
            objects.clone(),
            Variables::of_installation(|name| std::env::var(name).ok()),
            services.clone(),
        ),
        metrics: services.metrics().clone(),
        objects,
        clock: SystemClock,
        meter: Arc::new(cloud.meter.clone()),
    };
    lambda_runtime::run(service_fn(|event: LambdaEvent<QueueEvent>| {
        let invocation = Invocation::of(&event.context);
        let (processor, stack) = (&processor, &stack);
        async move {
            let again = processor.run(&event.payload.deliveries, &invocation).await;
            if let Some(line) = processor.metrics.line(stack, processor.clock.now()) {
                println!("{line}");
            }
            Ok::<_, lambda_runtime::Error>(again)
        }
    }))
    .await
}
