//! Wires the `web` function. It needs nothing but itself: the files are in the binary.

use filas_aws::telemetry;
use lambda_http::{Error, Request, service_fn};
use web::handler;

#[tokio::main]
async fn main() -> Result<(), Error> {
    telemetry::init();
    lambda_http::run(service_fn(|request: Request| async move { Ok::<_, Error>(handler::answer(&request)) })).await
}
