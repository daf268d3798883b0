//! Receivers: OTLP over gRPC and over HTTP. Bodies stay bytes from the socket to the queue.
//!
//! [`grpc`] and [`http`] speak the protocols, `body` reads what is sent and `unpack` decompresses it, [`intake`] is what both hand a body to, [`refusal`] says why one is
//! not taken and how each protocol puts it. [`hold`] keeps requests back for a while, where the config says so.

mod body;
pub mod grpc;
pub mod hold;
pub mod http;
pub mod intake;
pub mod refusal;
mod unpack;

pub use intake::Intake;
pub use refusal::Refusal;

use bytes::Bytes;
use std::sync::Arc;

use crate::memory::Held;
use crate::otlp::Signal;
use crate::queue::Said;

/// Bodies larger than this are processed off the async threads.
const BLOCKING_BYTES: usize = 1 << 20;

/// Hands a body to the intake, on this thread or, if it takes long, on the blocking pool, and waits until the queue has it for good.
/// Gives the number of items in it.
async fn accept(
    intake: &Arc<Intake>,
    signal: Signal,
    body: Bytes,
    said: Said,
    mut held: Held,
) -> Result<u64, Refusal> {
    // What leaves is another body, with prices in it.
    held.more(body.len())?;
    let (taken, _held) = if body.len() <= BLOCKING_BYTES {
        (intake.accept(signal, body, said)?, held)
    } else {
        let intake = Arc::clone(intake);
        // Until it is done: who goes away meanwhile does not make room.
        offload(move || Ok((intake.accept(signal, body, said)?, held))).await?
    };
    taken.committed.safe().await?;
    Ok(taken.items)
}

/// Runs what takes long on the blocking pool.
async fn offload<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(Refusal::Internal(error.to_string())),
    }
}
