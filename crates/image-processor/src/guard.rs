//! Panics of decoders, which damaged files can bring about.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    static IS_DECODING: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is within a decoder. A panic there is caught and becomes an error that names the
/// file, so that a panic hook need not report it.
#[must_use]
pub fn is_decoding() -> bool {
    IS_DECODING.get()
}

/// What `work` gives, or the message of its panic.
pub(crate) fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    IS_DECODING.set(true);
    let done = catch_unwind(AssertUnwindSafe(work));
    IS_DECODING.set(false);
    done.map_err(|panic| {
        let message = panic.downcast_ref::<String>().map(String::as_str);
        let message = message.or_else(|| panic.downcast_ref::<&str>().copied());
        message.unwrap_or("unknown panic").to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_its_message() {
        let index = std::hint::black_box(3);
        let panic = guarded(|| [1, 2][index]).unwrap_err();
        assert!(panic.contains("index is 3"), "{panic}");
        assert_eq!(guarded(is_decoding), Ok(true));
        assert!(!is_decoding());
    }
}
