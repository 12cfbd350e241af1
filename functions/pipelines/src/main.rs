//! Wires the `pipelines` function to the cloud.

use filas_aws::{Cloud, SystemClock, telemetry};
use filas_http::Guard;
use filas_pipeline::{Ports, Services, Variables};
use lambda_http::{Request, service_fn};
use pipelines::handler::PipelineCalls;

fn main() -> Result<(), lambda_http::Error> {
    // Started by itself to read a file that may crash its reader.
    if filas_sheets::child::serve_if_asked() {
        return Ok(());
    }
    serve_lambda()
}

#[tokio::main]
async fn serve_lambda() -> Result<(), lambda_http::Error> {
    telemetry::init();
    let cloud = Cloud::from_env().await?;
    let guard = Guard::of_installation(|name| std::env::var(name).ok(), cloud.access()?, SystemClock)?;
    let calls = PipelineCalls {
        register: cloud.pipelines()?,
        objects: cloud.objects()?,
        clock: SystemClock,
        variables: Variables::of_installation(|name| std::env::var(name).ok()),
        services: Services::of_worker(Ports {
            records: cloud.records()?,
            permits: cloud.permits()?,
            secrets: cloud.secrets()?,
            queue: cloud.row_queue(),
            clock: SystemClock,
        }),
    };
    lambda_http::run(service_fn(|request: Request| async {
        Ok::<_, lambda_http::Error>(filas_http::serve(request, &guard, |call| calls.answer(call)).await)
    }))
    .await
}
