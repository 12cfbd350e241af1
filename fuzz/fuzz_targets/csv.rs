#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| filas_fuzz::read(bytes, "a.csv"));
