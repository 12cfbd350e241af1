//! Wires the `notify` function to the cloud.

use filas_aws::stream::StreamEvent;
use filas_aws::{Cloud, SnsTopic, env, telemetry};
use lambda_runtime::{LambdaEvent, service_fn};
use notify::handler::Notifier;

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    telemetry::init();
    let cloud = Cloud::from_env().await?;
    let topic = SnsTopic::from_env(env::required(env::TOPIC_ARN)?)?;
    let notifier = Notifier::new(cloud.ledger()?, topic, env::required(env::STACK)?);
    lambda_runtime::run(service_fn(|event: LambdaEvent<StreamEvent>| {
        let notifier = &notifier;
        async move { Ok::<_, lambda_runtime::Error>(notifier.run(&event.payload).await?) }
    }))
    .await
}
