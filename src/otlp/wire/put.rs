//! Protobuf framing written: fields appended to a buffer.

/// Bytes that `value` takes as a canonical varint.
#[inline]
pub fn varint_len(value: u64) -> usize {
    // 7 bits a byte; `| 1` because zero takes one byte too.
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

/// Appends `value` as a canonical varint.
#[inline]
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a length-delimited field.
#[inline(always)]
pub fn put_bytes(out: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    if number < 2_048 && bytes.len() < 0x80 {
        put_head(out, number, bytes.len() as u8);
    } else {
        put_varint(out, u64::from(number) << 3 | 2);
        put_varint(out, bytes.len() as u64);
    }
    out.extend_from_slice(bytes);
}

/// Appends a length-delimited field of known length: fewer branches than [`put_bytes`].
///
/// # Panics
/// The number takes more than two bytes, the length more than one.
#[inline(always)]
pub fn put_array<const N: usize>(out: &mut Vec<u8>, number: u32, bytes: &[u8; N]) {
    assert!(number < 2_048 && N < 0x80);
    put_head(out, number, N as u8);
    out.extend_from_slice(bytes);
}

/// Appends the tag of a length-delimited field whose number is below 2,048, and its length, which is below 128.
#[inline(always)]
fn put_head(out: &mut Vec<u8>, number: u32, length: u8) {
    let tag = number << 3 | 2;
    if tag < 0x80 {
        out.extend_from_slice(&[tag as u8, length]);
    } else {
        out.extend_from_slice(&[tag as u8 | 0x80, (tag >> 7) as u8, length]);
    }
}

/// Appends a `fixed64` field; its number is below 2,048.
#[inline(always)]
pub fn put_fixed64(out: &mut Vec<u8>, number: u32, value: u64) {
    let tag = number << 3 | 1;
    // As a whole: room is looked for once.
    let mut field = [0; 10];
    field[2..].copy_from_slice(&value.to_le_bytes());
    if tag < 0x80 {
        field[1] = tag as u8;
        out.extend_from_slice(&field[1..]);
    } else {
        [field[0], field[1]] = [tag as u8 | 0x80, (tag >> 7) as u8];
        out.extend_from_slice(&field);
    }
}

/// Bytes of a length that is written before it is known: a padded varint, which every reader takes.
const PADDED: usize = 5;

/// Begins a length-delimited field whose content is appended next; [`end_message`] takes what this returns.
#[inline]
pub fn begin_message(out: &mut Vec<u8>, number: u32) -> usize {
    put_varint(out, u64::from(number) << 3 | 2);
    out.extend_from_slice(&[0; PADDED]);
    out.len()
}

/// Ends a field that [`begin_message`] began, of at most 32 GiB.
#[inline]
pub fn end_message(out: &mut [u8], start: usize) {
    let length = (out.len() - start) as u64;
    let padded = std::array::from_fn::<u8, PADDED, _>(|index| {
        let more = if index + 1 < PADDED { 0x80 } else { 0 };
        (length >> (7 * index)) as u8 & 0x7f | more
    });
    out[start - PADDED..start].copy_from_slice(&padded);
}

/// Appends a varint field.
pub fn put_uint(out: &mut Vec<u8>, number: u32, value: u64) {
    put_varint(out, u64::from(number) << 3);
    put_varint(out, value);
}
