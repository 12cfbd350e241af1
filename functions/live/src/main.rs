//! Wires the `live` function to the cloud. It is asked in three ways: by the gateway of the WebSocket API, by the queue
//! with the events of tasks, and by HTTP for tickets.

use filas_aws::{
    Cloud, DynamoAccess, DynamoLedger, DynamoWatchers, GatewayConnections, SystemClock, random_bytes, telemetry,
};
use filas_domain::delivery::QueueEvent;
use filas_http::Guard;
use lambda_http::lambda_runtime::{self, LambdaEvent, service_fn};
use lambda_http::request::LambdaRequest;
use lambda_http::tower::Service as _;
use lambda_http::{Adapter, Error, Request};
use live::clients::Clients;
use live::pushes::Pushes;
use live::socket::{Socket, SocketEvent};
use live::tickets;
use serde_json::Value;

struct Function {
    socket: Socket<DynamoWatchers, GatewayConnections, DynamoLedger, SystemClock>,
    guard: Guard<DynamoAccess, SystemClock>,
    url: String,
}

impl Function {
    async fn from_env() -> Result<Self, Error> {
        let cloud = Cloud::from_env().await?;
        let guard = Guard::of_installation(|name| std::env::var(name).ok(), cloud.access()?, SystemClock)?;
        let connections = GatewayConnections::from_env()?;
        let url = connections.public_url()?;
        let clients = Clients { watchers: cloud.watchers()?, connections };
        Ok(Self { socket: Socket { clients, ledger: cloud.ledger()?, clock: SystemClock }, guard, url })
    }

    async fn answer(&self, event: LambdaEvent<Value>) -> Result<Value, Error> {
        let LambdaEvent { payload, context } = event;
        let Socket { clients, ledger, clock } = &self.socket;
        if payload.get("Records").is_some() {
            let event: QueueEvent = serde_json::from_value(payload)?;
            let pushes = Pushes { clients, ledger, clock };
            return Ok(serde_json::to_value(pushes.run(&event.deliveries).await)?);
        }
        if payload.pointer("/requestContext/connectionId").is_some() {
            return Ok(self.socket.serve(&serde_json::from_value::<SocketEvent>(payload)?).await);
        }
        let request: LambdaRequest = serde_json::from_value(payload)?;
        let mut http = Adapter::from(service_fn(|request: Request| async {
            Ok::<_, Error>(
                filas_http::serve(request, &self.guard, |call| async move {
                    tickets::answer(&clients.watchers, clock, &call, random_bytes(), &self.url).await
                })
                .await,
            )
        }));
        Ok(serde_json::to_value(http.call(LambdaEvent::new(request, context)).await?)?)
    }
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    telemetry::init();
    let function = Function::from_env().await?;
    lambda_runtime::run(service_fn(|event| function.answer(event))).await
}
