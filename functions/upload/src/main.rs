//! Wires the `upload` function to the cloud.

use std::sync::Arc;

use filas_aws::{Cloud, SystemClock, random_bytes, telemetry};
use filas_http::Guard;
use filas_pipeline::Variables;
use lambda_http::{Request, service_fn};
use tokio::sync::Mutex;
use upload::handler::{Uploads, open_tasks_allowed};

#[tokio::main]
async fn main() -> Result<(), lambda_http::Error> {
    telemetry::init();
    let cloud = Cloud::from_env().await?;
    let guard = Guard::of_installation(|name| std::env::var(name).ok(), cloud.access()?, SystemClock)?;
    let uploads = Uploads {
        ledger: cloud.ledger()?,
        pipelines: cloud.pipelines()?,
        objects: cloud.objects()?,
        clock: SystemClock,
        random: random_bytes,
        variables: Variables::of_installation(|name| std::env::var(name).ok()),
        kept: Mutex::default(),
        meter: Arc::new(cloud.meter.clone()),
        open_tasks: open_tasks_allowed(|name| std::env::var(name).ok())?,
    };
    lambda_http::run(service_fn(|request: Request| async {
        Ok::<_, lambda_http::Error>(uploads.serve(request, &guard).await)
    }))
    .await
}
