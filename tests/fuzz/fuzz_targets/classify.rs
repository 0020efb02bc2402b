#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tenderwatch_fuzz::classify(data));
