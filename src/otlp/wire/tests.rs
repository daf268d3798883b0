//! Framing, case by case.

use super::*;

fn first(body: &[u8]) -> Result<Field<'_>, Malformed> {
    Message::whole(body).unwrap().fields().next().expect("a field")
}

#[test]
fn varints_of_every_length() {
    for shift in 0..64 {
        for value in [1u64 << shift, (1u64 << shift) - 1, u64::MAX >> shift] {
            let mut body = vec![0x08];
            put_varint(&mut body, value);
            assert_eq!(body.len() - 1, varint_len(value), "{value}");
            assert_eq!(first(&body).unwrap().varint().unwrap(), value);
        }
    }
}

#[test]
fn padded_varints_are_read() {
    assert_eq!(first(&[0x08, 0x81, 0x80, 0x00]).unwrap().varint().unwrap(), 1);
}

#[test]
fn faults_name_their_place() {
    let faults = [
        (&[0x08][..], 1, Fault::Truncated),
        (&[0x0a, 0x05, 0x00], 1, Fault::Length { claimed: 5, left: 1 }),
        (&[0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02], 1, Fault::Varint),
        (&[0x00, 0x00], 0, Fault::FieldNumber),
        (&[0x0e], 1, Fault::WireType(6)),
        (&[0x0c], 0, Fault::Group),
        (&[0x0b, 0x08, 0x01], 0, Fault::Group),
        (&[0x0b, 0x14], 1, Fault::Group),
    ];
    for (body, offset, fault) in faults {
        assert_eq!(first(body).unwrap_err(), Malformed::new(offset, fault), "{body:?}");
    }
}

#[test]
fn groups_are_skipped_whole() {
    // group 1 { group 2 { 3: 7 } }, then field 4.
    let body = [0x0b, 0x13, 0x18, 0x07, 0x14, 0x0c, 0x20, 0x09];
    let numbers: Vec<u32> =
        Message::whole(&body).unwrap().fields().map(|field| field.unwrap().number).collect();
    assert_eq!(numbers, [1, 4]);
}

#[test]
fn group_bombs_are_refused() {
    let body = vec![0x0b; 100_000];
    assert_eq!(first(&body).unwrap_err().fault(), Fault::Group);
}
