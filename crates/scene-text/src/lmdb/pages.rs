//! The pages of an LMDB file, read with every offset checked.
//!
//! LMDB's own C code trusts its file: on a damaged one it aborts the process or reads outside the
//! mapping. Data sets come from strangers and over bad lines, so they are read here, where a
//! damaged page is an error of one record. Writing goes through LMDB itself.
//!
//! The format is number 1, that of LMDB 0.9 (`mdb.c`, "Page header" to "MDB_node") on 64-bit
//! little-endian machines: two meta pages, then a B+ tree of branch and leaf pages; values that do
//! not fit into a page lie in runs of overflow pages.

/// Bytes before the contents of every page.
const HEADER_BYTES: usize = 16;
/// Bytes before the key of every node.
const NODE_BYTES: usize = 8;
const MAGIC: u32 = 0xbeef_c0de;
const VERSION: u32 = 1;
const NO_PAGE: u64 = u64::MAX;
/// LMDB's own limit for the depth of its trees; more is a cycle.
const MAX_DEPTH: usize = 32;

const BRANCH: u16 = 0x01;
const LEAF: u16 = 0x02;
const OVERFLOW: u16 = 0x04;
const META: u16 = 0x08;
const FIXED_SIZE_LEAF: u16 = 0x20;

/// The value lies in overflow pages.
const BIG_DATA: u16 = 0x01;
/// The value is a data base, or one of several under its key.
const NESTED_DATA: u16 = 0x06;

/// A page that is not what it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub page: u64,
    pub reason: &'static str,
}

/// Where the tree of the main data base begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tree {
    page_bytes: usize,
    /// `None` if there is no entry.
    root: Option<u64>,
    /// Keys in the data base, as the file says.
    pub entries: u64,
}

struct Meta {
    transaction: u64,
    tree: Tree,
}

impl Tree {
    /// Reads the meta pages and takes the newer one that is whole, as LMDB does.
    pub fn find(file: &[u8]) -> Result<Self, String> {
        let first = meta(file, 0)?;
        let second = meta(file, first.tree.page_bytes);
        let newest = match second {
            Ok(second) if second.transaction > first.transaction => second,
            _ => first,
        };
        Ok(newest.tree)
    }

    /// The value of a key.
    pub fn get<'a>(&self, file: &'a [u8], key: &[u8]) -> Result<Option<&'a [u8]>, Fault> {
        let Some(mut number) = self.root else {
            return Ok(None);
        };
        for _ in 0..MAX_DEPTH {
            let page = Page::of(file, self.page_bytes, number)?;
            if page.flags & BRANCH != 0 {
                number = page.child(key)?;
            } else {
                return page.value(file, key);
            }
        }
        Err(Fault {
            page: number,
            reason: "the tree does not end",
        })
    }
}

fn meta(file: &[u8], start: usize) -> Result<Meta, String> {
    let short = || {
        format!(
            "it has only {} bytes; was copying it interrupted?",
            file.len()
        )
    };
    let at = |offset: usize| u64_at(file, start + HEADER_BYTES + offset).ok_or_else(short);
    let word = |offset: usize| at(offset).map(|value| value as u32);
    if word(0)? != MAGIC {
        // Written on a 32-bit machine, the mark stands 4 bytes earlier.
        let narrow = u32_at(file, start + HEADER_BYTES - 4);
        let reversed = word(0)? == MAGIC.swap_bytes();
        return Err(match (narrow, reversed) {
            (Some(MAGIC), _) => {
                "it was written on a 32-bit machine; write it again on a 64-bit one"
            }
            (_, true) => {
                "it was written on a big-endian machine; write it again on a little-endian one"
            }
            _ => "it does not begin like one",
        }
        .to_owned());
    }
    let flags = u16_at(file, start + 10).ok_or_else(short)?;
    if flags & META == 0 {
        return Err("its first page is no meta page".to_owned());
    }
    let version = word(4)?;
    if version != VERSION {
        return Err(format!(
            "its format has number {version}; format {VERSION}, of LMDB 0.9, is read"
        ));
    }
    // Two data bases of 48 bytes each, of free pages and of entries; the first one's padding is
    // the size of a page.
    let (free, main) = (24, 72);
    let page_bytes = word(free)? as usize;
    if !page_bytes.is_power_of_two() || !(512..=65_536).contains(&page_bytes) {
        return Err(format!("it says its pages have {page_bytes} bytes"));
    }
    if (word(main + 4)? & 0xffff) != 0 {
        return Err("its keys have an order of their own; this is no data set".to_owned());
    }
    let root = at(main + 40)?;
    Ok(Meta {
        transaction: at(128)?,
        tree: Tree {
            page_bytes,
            root: (root != NO_PAGE).then_some(root),
            entries: at(main + 32)?,
        },
    })
}

/// A branch or leaf page.
struct Page<'a> {
    number: u64,
    bytes: &'a [u8],
    flags: u16,
    nodes: usize,
}

struct Node<'a> {
    key: &'a [u8],
    /// Child of a branch; length of a leaf's value.
    low: u16,
    high: u16,
    flags: u16,
    /// Where the data begins, in the page.
    data: usize,
}

impl<'a> Page<'a> {
    fn of(file: &'a [u8], page_bytes: usize, number: u64) -> Result<Self, Fault> {
        let fault = |reason| Fault {
            page: number,
            reason,
        };
        let beyond = "it lies beyond the end of the file; was copying it interrupted?";
        let bytes = usize::try_from(number)
            .ok()
            .and_then(|number| number.checked_mul(page_bytes))
            .and_then(|start| file.get(start..start.checked_add(page_bytes)?))
            .ok_or(fault(beyond))?;
        let header = (u64_at(bytes, 0), u16_at(bytes, 10), u16_at(bytes, 12));
        let (Some(own_number), Some(flags), Some(lower)) = header else {
            return Err(fault(beyond));
        };
        if own_number != number {
            return Err(fault("it has the number of another page"));
        }
        let kind = flags & (BRANCH | LEAF | OVERFLOW | META | FIXED_SIZE_LEAF);
        if kind != BRANCH && kind != LEAF {
            return Err(fault("it belongs to no tree of records"));
        }
        let lower = usize::from(lower);
        if lower < HEADER_BYTES || lower > page_bytes {
            return Err(fault("its number of entries is impossible"));
        }
        Ok(Self {
            number,
            bytes,
            flags,
            nodes: (lower - HEADER_BYTES) / 2,
        })
    }

    fn fault(&self, reason: &'static str) -> Fault {
        Fault {
            page: self.number,
            reason,
        }
    }

    fn node(&self, index: usize) -> Result<Node<'a>, Fault> {
        let outside = self.fault("an entry lies outside of it");
        let start = u16_at(self.bytes, HEADER_BYTES + 2 * index).ok_or(outside)?;
        let start = usize::from(start);
        let half = |offset| u16_at(self.bytes, start + offset).ok_or(outside);
        let (low, high, flags, key_bytes) = (half(0)?, half(2)?, half(4)?, half(6)?);
        let data = start + NODE_BYTES + usize::from(key_bytes);
        Ok(Node {
            key: self.bytes.get(start + NODE_BYTES..data).ok_or(outside)?,
            low,
            high,
            flags,
            data,
        })
    }

    /// The page below this branch on which `key` would stand. The first key of a branch counts as
    /// lower than any other.
    fn child(&self, key: &[u8]) -> Result<u64, Fault> {
        if self.nodes == 0 {
            return Err(self.fault("it is a branch without children"));
        }
        let (mut from, mut to) = (1, self.nodes);
        while from < to {
            let middle = from + (to - from) / 2;
            if self.node(middle)?.key <= key {
                from = middle + 1;
            } else {
                to = middle;
            }
        }
        let node = self.node(from - 1)?;
        Ok(u64::from(node.low) | u64::from(node.high) << 16 | u64::from(node.flags) << 32)
    }

    fn value(&self, file: &'a [u8], key: &[u8]) -> Result<Option<&'a [u8]>, Fault> {
        let (mut from, mut to) = (0, self.nodes);
        while from < to {
            let middle = from + (to - from) / 2;
            let node = self.node(middle)?;
            match node.key.cmp(key) {
                std::cmp::Ordering::Less => from = middle + 1,
                std::cmp::Ordering::Greater => to = middle,
                std::cmp::Ordering::Equal => return self.data_of(file, &node).map(Some),
            }
        }
        Ok(None)
    }

    fn data_of(&self, file: &'a [u8], node: &Node<'a>) -> Result<&'a [u8], Fault> {
        let size = usize::from(node.low) | usize::from(node.high) << 16;
        if node.flags & NESTED_DATA != 0 {
            return Err(self.fault("an entry is no plain value"));
        }
        if node.flags & BIG_DATA == 0 {
            return self
                .bytes
                .get(node.data..node.data + size)
                .ok_or(self.fault("an entry lies outside of it"));
        }
        let first =
            u64_at(self.bytes, node.data).ok_or(self.fault("an entry lies outside of it"))?;
        overflow(file, self.bytes.len(), first, size)
    }
}

/// A value that begins on page `first` and goes on over the following ones.
fn overflow(file: &[u8], page_bytes: usize, first: u64, size: usize) -> Result<&[u8], Fault> {
    let fault = |reason| Fault {
        page: first,
        reason,
    };
    let beyond = fault("a value goes beyond the end of the file; was copying it interrupted?");
    let start = usize::try_from(first)
        .ok()
        .and_then(|first| first.checked_mul(page_bytes))
        .ok_or(beyond)?;
    let header = (
        u64_at(file, start),
        start.checked_add(10).and_then(|at| u16_at(file, at)),
        start.checked_add(12).and_then(|at| u32_at(file, at)),
    );
    let (Some(number), Some(flags), Some(pages)) = header else {
        return Err(beyond);
    };
    if number != first || flags & OVERFLOW == 0 {
        return Err(fault("it should hold a large value"));
    }
    if HEADER_BYTES + size > pages as usize * page_bytes {
        return Err(fault("it is too small for its value"));
    }
    let data = start + HEADER_BYTES;
    file.get(data..data + size).ok_or(beyond)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..at.checked_add(2)?)?;
    Some(u16::from_le_bytes(bytes.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(bytes.try_into().ok()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    let bytes = bytes.get(at..at.checked_add(8)?)?;
    Some(u64::from_le_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use heed::types::Bytes;
    use heed::{EnvFlags, EnvOpenOptions};
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use std::fs;

    use super::*;

    /// A file that LMDB itself wrote.
    fn written(entries: &BTreeMap<Vec<u8>, Vec<u8>>) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        {
            let mut options = EnvOpenOptions::new();
            options.map_size(1 << 26);
            // SAFETY: the folder is fresh and nobody else's.
            let env = unsafe {
                options.flags(EnvFlags::NO_LOCK | EnvFlags::NO_SYNC);
                options.open(folder.path()).unwrap()
            };
            let mut transaction = env.write_txn().unwrap();
            let base: heed::Database<Bytes, Bytes> =
                env.create_database(&mut transaction, None).unwrap();
            for (key, value) in entries {
                base.put(&mut transaction, key, value).unwrap();
            }
            transaction.commit().unwrap();
        }
        fs::read(folder.path().join("data.mdb")).unwrap()
    }

    fn many(count: usize) -> BTreeMap<Vec<u8>, Vec<u8>> {
        (0..count)
            .map(|index| {
                let key = format!("key-{index:05}").into_bytes();
                (key, vec![index as u8; (index * 37) % 6000])
            })
            .collect()
    }

    #[test]
    fn every_entry_that_lmdb_wrote_is_found() {
        // Several levels of branches, values within and outside of the leaves.
        let entries = many(3000);
        let file = written(&entries);
        let tree = Tree::find(&file).unwrap();
        assert_eq!(tree.entries, 3000);
        for (key, value) in &entries {
            assert_eq!(tree.get(&file, key), Ok(Some(value.as_slice())));
        }
        for absent in ["", "key", "key-00000a", "key-99999", "zzz"] {
            assert_eq!(tree.get(&file, absent.as_bytes()), Ok(None));
        }
        let empty = written(&BTreeMap::new());
        let tree = Tree::find(&empty).unwrap();
        assert_eq!((tree.entries, tree.get(&empty, b"key")), (0, Ok(None)));
    }

    #[test]
    fn a_file_cut_anywhere_gives_what_is_left_or_a_fault() {
        let entries = many(300);
        let file = written(&entries);
        let mut found = Vec::new();
        for cut in [file.len() - 1, file.len() / 2, 3 * 4096, 2 * 4096] {
            let cut = &file[..cut];
            let tree = Tree::find(cut).unwrap();
            let mut count = 0;
            for (key, value) in &entries {
                match tree.get(cut, key) {
                    Ok(read) => {
                        assert_eq!(read, Some(value.as_slice()));
                        count += 1;
                    }
                    Err(fault) => assert!(fault.reason.contains("end of the file")),
                }
            }
            found.push(count);
        }
        assert!(found[0] > 0 && found[3] == 0 && found.is_sorted_by(|a, b| a >= b));
        for cut in [0, 1, 15, 16, 100, 151] {
            let reason = Tree::find(&file[..cut]).unwrap_err();
            assert!(reason.contains("bytes"), "{reason}");
        }
    }

    #[test]
    fn other_files_and_formats_are_named() {
        let mut file = written(&many(3));
        let refused = |file: &[u8]| Tree::find(file).unwrap_err();
        assert!(refused(&[7; 9000]).contains("begin"));
        file[20] = 2;
        assert!(refused(&file).contains("number 2"));
        file[20] = 1;
        assert!(Tree::find(&file).is_ok());
        let wide = file[16..20].to_vec();
        file[12..16].copy_from_slice(&wide);
        file[16..20].fill(0);
        assert!(refused(&file).contains("32-bit"));
        let reversed: Vec<u8> = wide.iter().rev().copied().collect();
        file[12..16].fill(0);
        file[16..20].copy_from_slice(&reversed);
        assert!(refused(&file).contains("big-endian"));
    }

    #[test]
    fn a_cycle_ends() {
        let mut file = written(&many(300));
        let tree = Tree::find(&file).unwrap();
        let root = tree.root.unwrap() as usize * tree.page_bytes;
        let nodes = (usize::from(u16_at(&file, root + 12).unwrap()) - HEADER_BYTES) / 2;
        for index in 0..nodes {
            let node = usize::from(u16_at(&file, root + HEADER_BYTES + 2 * index).unwrap());
            let own = (tree.root.unwrap() as u16).to_le_bytes();
            file[root + node..root + node + 2].copy_from_slice(&own);
        }
        let fault = tree.get(&file, b"key-00001").unwrap_err();
        assert_eq!(fault.reason, "the tree does not end");
    }

    proptest! {
        #[test]
        fn any_entries_read_back(entries in prop::collection::btree_map(
            prop::collection::vec(any::<u8>(), 1..300),
            prop::collection::vec(any::<u8>(), 0..5000),
            0..60,
        )) {
            let file = written(&entries);
            let tree = Tree::find(&file).unwrap();
            prop_assert_eq!(tree.entries, entries.len() as u64);
            for (key, value) in &entries {
                prop_assert_eq!(tree.get(&file, key), Ok(Some(value.as_slice())));
            }
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..9000),
            key in prop::collection::vec(any::<u8>(), 0..20),
        ) {
            if let Ok(tree) = Tree::find(&bytes) {
                let _ = tree.get(&bytes, &key);
            }
        }

        #[test]
        fn damaged_bytes_never_lead_outside(
            damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..40),
            in_headers in any::<bool>(),
        ) {
            thread_local!(static FILE: Vec<u8> = written(&many(200)));
            let mut file = FILE.with(Clone::clone);
            for (place, value) in damage {
                let mut place = place.index(file.len());
                if in_headers {
                    // Where the structure is: the beginnings of pages.
                    place = place / 4096 * 4096 + place % 64;
                }
                if place < file.len() {
                    file[place] = value;
                }
            }
            if let Ok(tree) = Tree::find(&file) {
                for key in many(200).keys() {
                    let _ = tree.get(&file, key);
                }
            }
        }
    }
}
