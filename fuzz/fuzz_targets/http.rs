#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| pricetag_fuzz::http(data));
