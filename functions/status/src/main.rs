//! Wires the `status` function to the cloud.

use filas_aws::{Cloud, SystemClock, telemetry};
use filas_http::Guard;
use lambda_http::{Request, service_fn};
use status::handler::{Answers, Status};

#[tokio::main]
async fn main() -> Result<(), lambda_http::Error> {
    telemetry::init();
    let cloud = Cloud::from_env().await?;
    let guard = Guard::of_installation(|name| std::env::var(name).ok(), cloud.access()?, SystemClock)?;
    let answers = Answers {
        ledger: cloud.ledger()?,
        objects: cloud.objects()?,
        queue: cloud.batch_queue()?,
        queues: cloud.monitor()?,
        clock: SystemClock,
    };
    let status = Status { answers, records: cloud.records()? };
    lambda_http::run(service_fn(|request: Request| async {
        Ok::<_, lambda_http::Error>(filas_http::serve(request, &guard, |call| status.answer(call)).await)
    }))
    .await
}
