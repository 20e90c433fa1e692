//! Files of named lists, with a checksum over all of them as one tensor more: what was damaged is refused, not
//! counted.

use anyhow::{Result, bail, ensure};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};

/// Name of the checksum, `U8` `[32]`. Files of earlier versions have none.
const SEAL: &str = "sha256";

/// Lists by name: the type of their numbers, how many there are, and their bytes.
pub type Lists = BTreeMap<String, (Dtype, usize, Vec<u8>)>;

/// The bytes of a file of lists and their checksum.
///
/// # Errors
/// If a list has not as many bytes as its numbers take.
pub fn serialize(mut lists: Lists, metadata: Option<HashMap<String, String>>) -> Result<Vec<u8>> {
    let all = lists.iter();
    let seal = of(all.map(|(name, (_, _, bytes))| (name.as_str(), bytes.as_slice())));
    lists.insert(SEAL.to_owned(), (Dtype::U8, seal.len(), seal.into()));
    let views = lists.iter().map(|(name, (dtype, count, bytes))| {
        let view = TensorView::new(*dtype, vec![*count], bytes)?;
        Ok((name.as_str(), view))
    });
    let views: Vec<(&str, TensorView<'_>)> = views.collect::<Result<_>>()?;
    Ok(safetensors::serialize(views, metadata)?)
}

/// The whole numbers of a list; none if it is not there.
///
/// # Errors
/// If it is no list, or one of other numbers.
pub fn list(file: &SafeTensors<'_>, name: &str) -> Result<Option<Vec<u32>>> {
    let Ok(view) = file.tensor(name) else {
        return Ok(None);
    };
    ensure!(view.shape().len() == 1, "tensor `{name}` is not a list");
    let bytes = view.data();
    let wide = |bytes: &[u8]| match *bytes {
        [a, b] => u32::from(u16::from_le_bytes([a, b])),
        [a, b, c, d] => u32::from_le_bytes([a, b, c, d]),
        _ => 0,
    };
    let dtype = view.dtype();
    Ok(Some(if dtype == Dtype::U8 {
        bytes.iter().map(|&byte| u32::from(byte)).collect()
    } else if dtype == Dtype::U16 {
        bytes.chunks_exact(2).map(wide).collect()
    } else if dtype == Dtype::U32 {
        bytes.chunks_exact(4).map(wide).collect()
    } else {
        bail!("tensor `{name}` has numbers of type {dtype:?}; they must be U8, U16 or U32")
    }))
}

/// SHA-256 of tensors, given in the order of their names.
fn of<'a>(tensors: impl Iterator<Item = (&'a str, &'a [u8])>) -> [u8; 32] {
    let mut hash = Sha256::new();
    for (name, bytes) in tensors {
        for part in [name.as_bytes(), bytes] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
    }
    hash.finalize().into()
}

/// Checks a file that has a checksum.
///
/// # Errors
/// If it is another one than that of its tensors.
pub fn check(file: &SafeTensors<'_>) -> Result<()> {
    let mut tensors = file.tensors();
    tensors.sort_by(|(a, _), (b, _)| a.cmp(b));
    let sealed = tensors.iter().find(|(name, _)| name == SEAL);
    let Some((_, sealed)) = sealed else {
        return Ok(());
    };
    let others = tensors.iter().filter(|(name, _)| name != SEAL);
    let found = of(others.map(|(name, view)| (name.as_str(), view.data())));
    ensure!(
        sealed.data() == found,
        "it is damaged: its numbers are not those of its checksum"
    );
    Ok(())
}
