//! HTTP/2, frame by frame, as no proper client sends it.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::client::TRACES;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Kinds of frames.
pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const CONTINUATION: u8 = 9;
/// Flags.
pub(crate) const END_HEADERS: u8 = 4;
const ACK: u8 = 1;

/// A frame.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// The headers of a request for the method that takes spans.
pub(crate) fn request_headers() -> Vec<u8> {
    // POST and http are in the static table; path, authority and content type are literals with names of it.
    let mut block = vec![0x83, 0x86];
    for (name, value) in [(0x04, TRACES), (0x01, "localhost"), (0x0f, "application/grpc")] {
        block.push(name);
        if name == 0x0f {
            block.push(31 - 15);
        }
        block.push(u8::try_from(value.len()).unwrap());
        block.extend(value.bytes());
    }
    block
}

/// A header that no table keeps.
pub(crate) fn header(name: &str, value: &str) -> Vec<u8> {
    let mut block = vec![0];
    for text in [name, value] {
        assert!(text.len() < 127);
        block.push(u8::try_from(text.len()).unwrap());
        block.extend(text.bytes());
    }
    block
}

/// A connection that has introduced itself.
pub(crate) async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(&[PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()).await?;
    Ok(stream)
}

/// The next frame that comes: kind, flags and payload.
pub(crate) async fn next(stream: &mut TcpStream) -> io::Result<(u8, u8, Vec<u8>)> {
    let mut head = [0; 9];
    stream.read_exact(&mut head).await?;
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
    let mut payload = vec![0; length];
    stream.read_exact(&mut payload).await?;
    Ok((head[3], head[4], payload))
}

/// The value of one of the peer's settings, which come first.
pub(crate) async fn setting(stream: &mut TcpStream, id: u16) -> Option<u32> {
    loop {
        let (kind, flags, payload) = next(stream).await.unwrap();
        if kind == SETTINGS && flags & ACK == 0 {
            let all = payload.chunks(6).map(|pair| {
                let (id, value) = pair.split_at(2);
                (u16::from_be_bytes(id.try_into().unwrap()), u32::from_be_bytes(value.try_into().unwrap()))
            });
            return all.into_iter().find(|(found, _)| *found == id).map(|(_, value)| value);
        }
    }
}
