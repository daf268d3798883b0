//! Receivers: OTLP over gRPC and over HTTP. Bodies stay bytes from the socket to the queue.
//!
//! [`grpc`] and [`http`] speak the protocols, [`intake`] is what both hand a body to, [`refusal`] says why one is
//! not taken and how each protocol puts it.

pub mod grpc;
pub mod http;
pub mod intake;
pub mod refusal;
mod unpack;

pub use intake::Intake;
pub use refusal::Refusal;

use bytes::Bytes;
use std::sync::Arc;

use crate::otlp::Signal;
use crate::queue::Said;

/// Bodies larger than this are processed off the async threads.
const BLOCKING_BYTES: usize = 1 << 20;

/// Hands a body to the intake, on this thread or, if it takes long, on the blocking pool, and waits until the queue has it for good.
/// Gives the number of items in it.
async fn accept(intake: &Arc<Intake>, signal: Signal, body: Bytes, said: Said) -> Result<u64, Refusal> {
    let taken = if body.len() <= BLOCKING_BYTES {
        intake.accept(signal, body, said)?
    } else {
        let intake = Arc::clone(intake);
        offload(move || intake.accept(signal, body, said)).await?
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
