//! Wires the `keys` function to the cloud.

use filas_aws::{Cloud, SystemClock, random_bytes, telemetry};
use filas_http::Guard;
use keys::handler::KeyCalls;
use lambda_http::{Request, service_fn};

#[tokio::main]
async fn main() -> Result<(), lambda_http::Error> {
    telemetry::init();
    let cloud = Cloud::from_env().await?;
    let guard = Guard::of_installation(|name| std::env::var(name).ok(), cloud.access()?, SystemClock)?;
    let calls = KeyCalls { keys: cloud.access()?, clock: SystemClock, random: random_bytes };
    lambda_http::run(service_fn(|request: Request| async {
        Ok::<_, lambda_http::Error>(filas_http::serve(request, &guard, |call| calls.answer(call)).await)
    }))
    .await
}
