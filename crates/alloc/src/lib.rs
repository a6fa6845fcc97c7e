//! The system's allocator, with two additions.
//!
//! An interpreter makes and drops small values all the time: the blocks that one thread, the interpreter's, has freed are
//! kept for its next values. And an interpreter that does not look at how long a value becomes with every operation can
//! [ask](Allocator::take_excess) whether one has become too long.
//!
//! This crate is apart from stagesh because it needs `unsafe`, which is denied there.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::{Cell, UnsafeCell};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Blocks are of as many sizes, 16 bytes apart: those of malloc(3) of glibc, where a block of 24 bytes is the smallest.
const CLASSES: usize = 8;
const SMALLEST: usize = 24;
const STEP: usize = 16;
const ALIGN: usize = 16;

/// Blocks of each size that are kept: at most 2.5 MiB in all.
const KEPT: u32 = 4096;

/// The first small blocks of the thread that keeps its own are cut from one piece, which is there from the start: a process
/// that lives for a millisecond has no more to do with the system's allocator.
const ARENA: usize = 1 << 18;

/// The longest text, in bytes.
const TEXT_LIMIT: usize = 1 << 31;
/// As many elements of 16 bytes.
const ARRAY_LIMIT: usize = TEXT_LIMIT * 16;

/// The size of a page; where it is larger, `map_ahead` is refused.
#[cfg(target_os = "linux")]
const PAGE: usize = 4096;

/// The allocator, for `#[global_allocator]`.
#[derive(Debug)]
pub struct Allocator;

/// Blocks that were freed. The first bytes of each point to the next.
struct Free {
    head: Cell<Option<NonNull<u8>>>,
    count: Cell<u32>,
}

/// The piece, which only the thread that keeps its blocks cuts from.
#[repr(align(16))]
struct Arena(UnsafeCell<[u8; ARENA]>);

// SAFETY: its bytes belong to whoever was given a block of them.
unsafe impl Sync for Arena {}

static FIRST: Arena = Arena(UnsafeCell::new([0; ARENA]));

/// Whether a thread has the piece.
static IS_TAKEN: AtomicBool = AtomicBool::new(false);

struct Cache {
    is_used: Cell<bool>,
    /// How much of the piece is left to this thread, from its end.
    left: Cell<usize>,
    classes: [Free; CLASSES],
}

thread_local! {
    // Without a destructor: it is there as long as the thread.
    static CACHE: Cache = const {
        Cache {
            is_used: Cell::new(false),
            left: Cell::new(0),
            classes: [const { Free { head: Cell::new(None), count: Cell::new(0) } }; CLASSES],
        }
    };
}

static EXCESS: AtomicBool = AtomicBool::new(false);

impl Allocator {
    /// From now on the small blocks that this thread frees are kept for it. For a thread that lives as long as the
    /// process: they are not given back when it ends.
    pub fn keep_blocks_of_this_thread(&self) {
        CACHE.with(|cache| {
            cache.is_used.set(true);
            if !IS_TAKEN.swap(true, Relaxed) {
                cache.left.set(ARENA);
            }
        });
    }

    /// Whether there was a text of more than 2^31 bytes, or a vector of more than as many elements of 16 bytes, since this
    /// was last asked. A text may have grown up to 2^32 bytes before that is certain.
    #[inline]
    pub fn take_excess(&self) -> bool {
        EXCESS.load(Relaxed) && EXCESS.swap(false, Relaxed)
    }
}

/// Has the kernel map the pages of memory that is about to be written, all in one call: a fault for each costs as much as
/// what is written there. Nothing else changes, wherever that memory is; where the kernel cannot do it, nothing does.
/// Source: madvise(2), `MADV_POPULATE_WRITE`.
pub fn map_ahead(start: *const u8, length: usize) {
    #[cfg(target_os = "linux")]
    {
        let lead = start.align_offset(PAGE);
        if let Some(length) = length.checked_sub(lead) {
            let page = start.wrapping_add(lead).cast_mut().cast();
            // SAFETY: what is mapped there keeps what it holds, and what is not stays so.
            unsafe { libc::madvise(page, length, libc::MADV_POPULATE_WRITE) };
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (start, length);
}

/// The class of blocks of this layout, if they are small.
#[inline]
fn class_of(layout: Layout) -> Option<usize> {
    let class = layout.size().saturating_sub(SMALLEST - STEP + 1) / STEP;
    (class < CLASSES && layout.align() <= ALIGN).then_some(class)
}

/// What the system is asked for: any block of a class is good for any other use of it.
#[inline]
fn layout_of(class: usize) -> Layout {
    const LAYOUTS: [Layout; CLASSES] = {
        let mut layouts = [Layout::new::<u8>(); CLASSES];
        let mut class = 0;
        while class < CLASSES {
            layouts[class] = match Layout::from_size_align(SMALLEST + STEP * class, ALIGN) {
                Ok(layout) => layout,
                Err(_) => unreachable!(),
            };
            class += 1;
        }
        layouts
    };
    LAYOUTS[class]
}

/// A block that was freed, or a new one of the piece.
#[inline]
fn reuse(class: usize) -> Option<NonNull<u8>> {
    CACHE.with(|cache| {
        let free = &cache.classes[class];
        let Some(block) = free.head.get() else { return cut(cache, class) };
        // SAFETY: the block is free and ours, and `keep` has written the next one there.
        free.head.set(unsafe { block.cast::<Option<NonNull<u8>>>().read() });
        free.count.set(free.count.get() - 1);
        Some(block)
    })
}

fn cut(cache: &Cache, class: usize) -> Option<NonNull<u8>> {
    let size = layout_of(class).size().next_multiple_of(ALIGN);
    let at = ARENA - cache.left.get();
    cache.left.set(cache.left.get().checked_sub(size)?);
    // SAFETY: it is within the piece, of which no other block begins there.
    NonNull::new(unsafe { FIRST.0.get().cast::<u8>().add(at) })
}

/// Whether the block is of the piece, and so none of the system's.
fn is_first(block: *mut u8) -> bool {
    block.addr().wrapping_sub(FIRST.0.get().addr()) < ARENA
}

/// Whether the block is kept.
///
/// # Safety
///
/// It is a block of the class, and nobody uses it any more.
#[inline]
unsafe fn keep(class: usize, block: NonNull<u8>) -> bool {
    CACHE.with(|cache| {
        let free = &cache.classes[class];
        if !cache.is_used.get() || free.count.get() == KEPT {
            return false;
        }
        // SAFETY: nobody else uses it, and it is large enough and aligned for a pointer.
        unsafe { block.cast::<Option<NonNull<u8>>>().write(free.head.get()) };
        free.head.set(Some(block));
        free.count.set(free.count.get() + 1);
        true
    })
}

/// Whether what was `old` bytes long, and is given room for `new`, is longer than anything may be. What grows is given
/// twice the room that it had, if it does not need more: from that alone nothing follows.
fn is_excess(align: usize, old: usize, new: usize) -> bool {
    // Texts are aligned to two bytes at most, whatever else there is to more.
    let limit = if align <= 2 { TEXT_LIMIT } else { ARRAY_LIMIT };
    new > limit && (old >= limit || new > old.saturating_mul(2))
}

#[cold]
fn note(align: usize, old: usize, new: usize) {
    if is_excess(align, old, new) {
        EXCESS.store(true, Relaxed);
    }
}

#[inline]
fn watch(align: usize, old: usize, new: usize) {
    if new > TEXT_LIMIT {
        note(align, old, new);
    }
}

// SAFETY: every block is one of `System`, of the layout that is asked for or of that of its class, which the layout alone
// tells, or it is cut from the piece and never given to `System`. A kept block is given out once.
unsafe impl GlobalAlloc for Allocator {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match class_of(layout) {
            Some(class) => match reuse(class) {
                Some(block) => block.as_ptr(),
                // SAFETY: the layout is not empty.
                None => unsafe { System.alloc(layout_of(class)) },
            },
            None => {
                watch(layout.align(), 0, layout.size());
                // SAFETY: as the caller promises.
                unsafe { System.alloc(layout) }
            }
        }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        match class_of(layout) {
            Some(class) => {
                // SAFETY: the block was allocated with this layout, so it is one of the class, and it is given up.
                let is_kept = NonNull::new(block).is_some_and(|block| unsafe { keep(class, block) });
                if !is_kept && !is_first(block) {
                    // SAFETY: it was allocated by `System` with the layout of the class.
                    unsafe { System.dealloc(block, layout_of(class)) };
                }
            }
            // SAFETY: it was allocated by `System` with this layout.
            None => unsafe { System.dealloc(block, layout) },
        }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if class_of(layout).is_none() {
            watch(layout.align(), 0, layout.size());
            // SAFETY: as the caller promises.
            return unsafe { System.alloc_zeroed(layout) };
        }
        // SAFETY: as the caller promises.
        let block = unsafe { self.alloc(layout) };
        if !block.is_null() {
            // SAFETY: it has at least so many bytes.
            unsafe { ptr::write_bytes(block, 0, layout.size()) };
        }
        block
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller promises that the size does not overflow when it is rounded up to the alignment.
        let new_layout = unsafe { Layout::from_size_align_unchecked(new_size, layout.align()) };
        match (class_of(layout), class_of(new_layout)) {
            (Some(old), Some(new)) if old == new => block,
            (None, None) => {
                watch(layout.align(), layout.size(), new_size);
                // SAFETY: it was allocated by `System` with this layout.
                unsafe { System.realloc(block, layout, new_size) }
            }
            _ => {
                // SAFETY: the new size is not zero, as the caller promises.
                let new = unsafe { self.alloc(new_layout) };
                if !new.is_null() {
                    // SAFETY: both are that long, and they are different blocks; the old one is given up.
                    unsafe {
                        ptr::copy_nonoverlapping(block, new, layout.size().min(new_size));
                        self.dealloc(block, layout);
                    }
                }
                new
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(size: usize) -> Layout {
        Layout::from_size_align(size, 8).expect("it is a layout")
    }

    #[test]
    fn every_block_is_as_large_as_what_its_class_is_asked_for() {
        for size in 1..=200 {
            match class_of(layout(size)) {
                Some(class) => assert!((size..size + SMALLEST).contains(&layout_of(class).size()), "{size}"),
                None => assert!(size > SMALLEST + STEP * (CLASSES - 1), "{size}"),
            }
        }
        assert_eq!(class_of(Layout::from_size_align(8, 64).expect("it is a layout")), None);
    }

    #[test]
    fn a_thread_that_keeps_its_blocks_gets_them_again_and_another_does_not_keep_any() {
        // SAFETY: each block is freed once, with the layout it was allocated with.
        let freed_and_next = || unsafe {
            let block = Allocator.alloc(layout(30));
            Allocator.dealloc(block, layout(30));
            let kept = CACHE.with(|cache| cache.classes[1].count.get());
            let next = Allocator.alloc(layout(40));
            Allocator.dealloc(next, layout(40));
            (block == next, kept)
        };
        let of_thread = |keeps: bool| {
            std::thread::spawn(move || {
                if keeps {
                    Allocator.keep_blocks_of_this_thread();
                }
                freed_and_next()
            })
            .join()
            .expect("it ends")
        };
        assert_eq!(of_thread(true), (true, 1));
        assert_eq!(of_thread(false).1, 0);
    }

    #[test]
    fn no_more_blocks_are_kept_than_are_worth_it_and_each_is_given_out_once() {
        let kept = std::thread::spawn(|| {
            Allocator.keep_blocks_of_this_thread();
            // SAFETY: each block is freed once, with the layout it was allocated with.
            unsafe {
                let blocks: Vec<*mut u8> = (0..KEPT + 10).map(|_| Allocator.alloc(layout(100))).collect();
                for block in &blocks {
                    Allocator.dealloc(*block, layout(100));
                }
                let kept = CACHE.with(|cache| cache.classes[5].count.get());
                let mut again: Vec<*mut u8> = (0..KEPT + 10).map(|_| Allocator.alloc(layout(100))).collect();
                again.sort_unstable();
                again.dedup();
                let distinct = again.len();
                for block in again {
                    Allocator.dealloc(block, layout(100));
                }
                (kept, distinct)
            }
        });
        assert_eq!(kept.join().expect("it ends"), (KEPT, KEPT as usize + 10));
    }

    #[test]
    fn blocks_of_the_piece_do_not_overlap_and_any_thread_may_free_them() {
        let blocks = std::thread::spawn(|| {
            Allocator.keep_blocks_of_this_thread();
            // Another test may have the piece.
            CACHE.with(|cache| {
                let mut blocks: Vec<usize> = Vec::new();
                let had = cache.left.replace(ARENA);
                for class in (0..CLASSES).cycle().take(500) {
                    blocks.push(cut(cache, class).expect("there is room").addr().get());
                }
                cache.left.set(had);
                let ends = (0..CLASSES).cycle().map(|class| layout_of(class).size());
                blocks.into_iter().zip(ends).collect::<Vec<_>>()
            })
        });
        let blocks = blocks.join().expect("it ends");
        assert!(blocks.windows(2).all(|pair| pair[0].0 + pair[0].1 <= pair[1].0 && pair[1].0 % ALIGN == 0));
        let first = std::ptr::with_exposed_provenance_mut::<u8>(blocks[0].0);
        assert!(is_first(first) && !is_first(std::ptr::dangling_mut()));
        // SAFETY: no other block of the piece is at this place, and it is not used again.
        unsafe { Allocator.dealloc(first, layout(24)) };
    }

    #[test]
    fn what_grows_and_shrinks_through_all_sizes_keeps_its_bytes() {
        let sizes = [1, 24, 25, 100, 136, 137, 5000, 137, 90, 24, 3];
        // SAFETY: the block is always as long as the last size, and freed with it.
        unsafe {
            let mut block = Allocator.alloc_zeroed(layout(1));
            assert_eq!(*block, 0);
            *block = 7;
            for pair in sizes.windows(2) {
                block = Allocator.realloc(block, layout(pair[0]), pair[1]);
                assert_eq!(*block, 7, "{pair:?}");
                *block.add(pair[1] - 1) = 7;
            }
            Allocator.dealloc(block, layout(3));
        }
    }

    #[test]
    fn zeroed_blocks_are_zero_whatever_was_in_them() {
        let bytes = std::thread::spawn(|| {
            Allocator.keep_blocks_of_this_thread();
            // SAFETY: each block is freed once, with the layout it was allocated with.
            unsafe {
                let block = Allocator.alloc(layout(64));
                ptr::write_bytes(block, 0xff, 64);
                Allocator.dealloc(block, layout(64));
                let block = Allocator.alloc_zeroed(layout(64));
                let bytes = std::slice::from_raw_parts(block, 64).to_vec();
                Allocator.dealloc(block, layout(64));
                bytes
            }
        });
        assert_eq!(bytes.join().expect("it ends"), [0; 64]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn pages_that_are_mapped_ahead_keep_what_they_hold_and_are_there() {
        // Source: mincore(2).
        let is_there = |page: *const u8| {
            let mut there = 0;
            // SAFETY: it writes one byte for one page.
            assert_eq!(unsafe { libc::mincore(page.cast_mut().cast(), PAGE, &raw mut there) }, 0);
            there & 1 == 1
        };
        let large = layout(64 << 20);
        // SAFETY: the block is as long as what is read and written of it, and freed once.
        unsafe {
            let block = Allocator.alloc(large);
            let second = block.add(block.align_offset(PAGE) + PAGE);
            let last = second.add((32 << 20) - PAGE);
            *second = 7;
            assert!(!is_there(last));
            map_ahead(second, 32 << 20);
            assert!(is_there(last));
            assert_eq!(*second, 7);
            map_ahead(second, 10);
            map_ahead(ptr::null(), PAGE);
            map_ahead(ptr::without_provenance(usize::MAX), 1);
            Allocator.dealloc(block, large);
        }
    }

    #[test]
    fn excess_is_what_no_text_of_the_limit_can_need() {
        let (text, array) = (TEXT_LIMIT, ARRAY_LIMIT);
        assert!(!is_excess(1, text / 2, text));
        assert!(!is_excess(1, text - 8, 2 * (text - 8)));
        assert!(is_excess(2, text, 2 * text));
        assert!(is_excess(1, 0, text + 1));
        assert!(is_excess(1, 100, text + 1));
        assert!(!is_excess(8, 0, text + 1));
        assert!(is_excess(8, array, array * 2));
    }

    #[test]
    fn excess_is_told_once() {
        note(1, 0, TEXT_LIMIT + 1);
        assert!(Allocator.take_excess());
        assert!(!Allocator.take_excess());
    }
}
