//! pricetag
fn main() {}
