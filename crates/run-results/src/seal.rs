//! A checksum over all tensors of a file, as one tensor more: what was damaged is refused, not counted.

use anyhow::{Result, ensure};
use safetensors::SafeTensors;
use sha2::{Digest, Sha256};

/// Name of the tensor, `U8` `[32]`. Files of earlier versions have none.
pub const SEAL: &str = "sha256";

/// SHA-256 of tensors, given in the order of their names.
#[must_use]
pub fn of<'a>(tensors: impl Iterator<Item = (&'a str, &'a [u8])>) -> [u8; 32] {
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
