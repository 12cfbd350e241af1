#![no_main]

// calamine's panics are caught by the reader, so they must not end the process here: a panic that nobody catches still does.
libfuzzer_sys::fuzz_target!(
    init: std::panic::set_hook(Box::new(|_| {})),
    |bytes: &[u8]| filas_fuzz::read(bytes, "a.xls")
);
