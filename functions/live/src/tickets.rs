//! `POST /v1/tickets`: a browser cannot send a header when it opens a WebSocket, and a key in an address would end up in
//! logs. So it sends a ticket, which is good once and for a minute.

use filas_domain::access::sha256_hex;
use filas_domain::live::{TICKET_KEPT, Ticket, Watchers};
use filas_domain::ports::{Clock, PortError};
use filas_domain::problem::Problem;
use filas_http::{Answer, Call, Refusal};
use lambda_http::http::Method;

/// Bytes of a ticket.
pub const TICKET_BYTES: usize = 24;

/// Answers `POST /v1/tickets`; `random` is what the ticket is made of and `url` where it can be used.
///
/// # Errors
/// When it is another call, or the ticket cannot be kept.
pub async fn answer(
    watchers: &impl Watchers,
    clock: &impl Clock,
    call: &Call,
    random: Result<[u8; TICKET_BYTES], PortError>,
    url: &str,
) -> Result<Answer, Refusal> {
    if (call.method(), call.segments().as_slice()) != (&Method::POST, &["tickets"]) {
        return Err(Problem::not_found("such call").into());
    }
    let ticket: String = random?.iter().map(|byte| format!("{byte:02x}")).collect();
    let expires = clock.now().plus(TICKET_KEPT);
    watchers.keep_ticket(&sha256_hex(ticket.as_bytes()), &call.owner, expires).await?;
    Ok(Answer::json(201, &Ticket { ticket, url: url.to_owned(), expires: expires.to_rfc3339() }))
}
