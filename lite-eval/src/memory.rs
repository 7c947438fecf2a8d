//! The allocator's settings for programs that compute with tensors.

/// Position of `purge_delay` among mimalloc's options (`mimalloc.h`, `mi_option_e`); the bindings do not name it.
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;

/// Keeps freed memory instead of giving it back after ten milliseconds.
///
/// Training frees and takes the same gigabyte every update; handing out its pages anew took 13 % of the time.
pub fn keep_freed_pages() {
    set_purge_delay(-1);
}

/// Gives freed memory back after ten milliseconds again. A search on packed weights has its own memory and frees next to
/// nothing, but what the weights were before they were packed would stay beside them.
pub fn give_back_freed_pages() {
    set_purge_delay(10);
}

/// Gives freed memory back at once, in pages of the smallest size: what a small model takes is then what it needs. Costs 3 %
/// of a translation's time.
pub fn stay_small() {
    set_purge_delay(0);
    #[cfg(target_os = "linux")]
    // SAFETY: a setting of this process, by numbers alone. Where the kernel has none such, nothing changes.
    unsafe {
        libc::prctl(libc::PR_SET_THP_DISABLE, 1, 0, 0, 0);
    }
}

fn set_purge_delay(milliseconds: std::ffi::c_long) {
    // SAFETY: sets one number in the allocator's table of options, which may be done at any time.
    unsafe { libmimalloc_sys::mi_option_set(PURGE_DELAY, milliseconds) }
}
