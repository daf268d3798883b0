//! The region that a model's name carries.

/// The name of a region, `us` or `northamerica-northeast1`: kept beside a resolution, so without the heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    bytes: [u8; 23],
    len: u8,
}

impl Region {
    /// The profile of all regions together, and Azure's and Vertex AI's word for the same.
    pub(super) const GLOBAL: &str = "global";

    /// Longer names than any cloud's longest are none.
    pub(super) fn new(name: &str) -> Option<Self> {
        let mut bytes = [0; 23];
        bytes.get_mut(..name.len())?.copy_from_slice(name.as_bytes());
        Some(Self { bytes, len: name.len() as u8 })
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.bytes[..usize::from(self.len)]).unwrap_or_default()
    }
}
