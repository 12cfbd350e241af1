//! Wires the `webhook` function to the cloud.

use std::time::Duration;

use anyhow::Context as _;
use filas_aws::{Cloud, SystemClock, env, telemetry};
use filas_domain::delivery::QueueEvent;
use filas_pipeline::Variables;
use lambda_runtime::{LambdaEvent, service_fn};
use webhook::handler::Webhooks;

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    telemetry::init();
    let cloud = Cloud::from_env().await?;
    let first_wait = env::required(env::WEBHOOK_FIRST_WAIT)?;
    let first_wait = first_wait.parse().with_context(|| format!("{} is no number", env::WEBHOOK_FIRST_WAIT))?;
    let webhooks = Webhooks {
        ledger: cloud.ledger()?,
        objects: cloud.objects()?,
        secrets: cloud.secrets()?,
        deliveries: cloud.deliveries(env::WEBHOOK_QUEUE_URL)?,
        clock: SystemClock,
        variables: Variables::of_installation(|name| std::env::var(name).ok()),
        first_wait: Duration::from_secs(first_wait),
    };
    lambda_runtime::run(service_fn(|event: LambdaEvent<QueueEvent>| {
        let webhooks = &webhooks;
        async move { Ok::<_, lambda_runtime::Error>(webhooks.run(&event.payload.deliveries).await) }
    }))
    .await
}
