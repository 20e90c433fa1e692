//! Hugging Face checkpoints: folders and hub ids, tensors by name, in bounded memory.
//!
//! [`Checkpoint::open`] takes a folder in the layout of transformers, [`Tensors::open_file`] a
//! single safetensors file, and [`resolve`] turns a path or a hub id such as `OWNER/NAME` into a
//! folder, downloading only what is needed. What comes out are plain `Vec<f32>`: this crate knows
//! no tensor library and no architecture.
//!
//! # Names
//! Families store their tower under different prefixes. [`Tensors::find_scope`] tries some and
//! gives a [`Scope`], in which the tower's own names hold. [`Scope::check_all_read`] reports
//! tensors that were there but not used.
//!
//! # Memory
//! A checkpoint of a vision-language model is mostly language model. Opening one reads names only;
//! reading maps 2 MiB of a shard at a time, converts them and unmaps them, so that reading a tower
//! needs its `f32` bytes and a few MiB, whatever lies beside it. `examples/tower_memory.rs` measures it.
//!
//! # Trust
//! Files may come from anywhere. Headers, indices and configurations are checked before use: sizes
//! against the length of the file, with overflow; offsets for overlaps and holes; shard names for
//! ways out of the folder. No file makes this crate panic, read outside of it, or reserve more
//! memory than the tensors asked for and its own length call for.
//!
//! One thing cannot be checked: files are memory-mapped, so **nobody may truncate or rewrite a
//! checkpoint while it is being read**. A file that shrank before a read is an error; one that
//! shrinks within the microseconds of a window ends the process with SIGBUS on Unix.
//!
//! # Example
//! ```no_run
//! use checkpoint::{Checkpoint, resolve};
//!
//! # fn main() -> checkpoint::Result<()> {
//! let in_tower = |name: &str| name.contains("visual");
//! let folder = resolve("Qwen/Qwen2.5-VL-3B-Instruct", in_tower)?;
//! let checkpoint = Checkpoint::open(&folder)?;
//! assert_eq!(checkpoint.model_type()?, "qwen2_5_vl");
//!
//! let prefixes = ["visual.", "model.visual.", ""];
//! let tower = checkpoint.tensors().find_scope(&prefixes, "patch_embed.proj.weight")?;
//! // [d_in, d_out] of the query, out of the fused [3 * 1280, 1280] of PyTorch.
//! let query =
//!     tower.read_rows_transposed("blocks.0.attn.qkv.weight", &[3840, 1280], 0..1280)?;
//! assert_eq!(query.len(), 1280 * 1280);
//! # Ok(())
//! # }
//! ```

mod convert;
mod dtype;
mod error;
mod folder;
mod header;
mod hub;
mod index;
mod json_file;
mod nearest;
mod read;
mod scope;
mod tensor_file;
mod tensors;

pub use dtype::Dtype;
pub use error::{CheckpointError, Result};
pub use folder::Checkpoint;
pub use hub::{Hub, resolve};
pub use scope::Scope;
pub use tensors::{NonFinite, Tensors};
