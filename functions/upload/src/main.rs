//! Wires the `upload` function to the cloud.

use filas_aws::{Cloud, SystemClock, env, random_bytes, telemetry};
use filas_domain::access::OwnerKeys;
use filas_pipeline::Variables;
use lambda_http::{Request, service_fn};
use tokio::sync::Mutex;
use upload::handler::Uploads;

#[tokio::main]
async fn main() -> Result<(), lambda_http::Error> {
    telemetry::init();
    let cloud = Cloud::from_env().await?;
    let keys = OwnerKeys::parse(&env::required(env::OWNER_KEYS)?)?;
    let uploads = Uploads {
        ledger: cloud.ledger()?,
        pipelines: cloud.pipelines()?,
        objects: cloud.objects()?,
        clock: SystemClock,
        random: random_bytes,
        variables: Variables::of_installation(|name| std::env::var(name).ok()),
        kept: Mutex::default(),
    };
    lambda_http::run(service_fn(|request: Request| async {
        Ok::<_, lambda_http::Error>(filas_http::serve(request, &keys, |call| uploads.answer(call)).await)
    }))
    .await
}
