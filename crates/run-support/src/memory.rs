//! What the allocator does with freed memory.

/// `mi_option_purge_delay`, which the bindings do not name: the entry of `mi_option_t` between
/// `mi_option_eager_commit_delay` (14) and `mi_option_use_numa_nodes` (16) in mimalloc 2 and 3.
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;

/// Tells mimalloc to keep freed pages.
///
/// A training step frees and takes again hundreds of megabytes. By default the pages go back to
/// the system after 10 ms and have to be cleared when they come again, which was half of the time
/// of a step.
pub fn keep_pages() {
    // SAFETY: sets a global option of the allocator by its number; any value is allowed.
    #[allow(unsafe_code)]
    unsafe {
        libmimalloc_sys::mi_option_set(PURGE_DELAY, -1);
    }
}
