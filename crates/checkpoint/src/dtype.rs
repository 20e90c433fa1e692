//! Element types of a safetensors file.

use std::fmt;

/// The type of a tensor's elements, under its name in the file's header.
///
/// Types that this crate does not know are kept by name, so that a checkpoint whose language model
/// is stored in a newer type can still give its vision tower.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the variants carry the names of the format")]
pub enum Dtype {
    Bool,
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    U64,
    I64,
    F16,
    BF16,
    F32,
    F64,
    /// Any other type: 8-, 6- and 4-bit floats, complex numbers, types of later versions.
    Other(String),
}

impl Dtype {
    /// Reads the name that the header gives.
    pub(crate) fn parse(name: &str) -> Self {
        match name {
            "BOOL" => Self::Bool,
            "U8" => Self::U8,
            "I8" => Self::I8,
            "U16" => Self::U16,
            "I16" => Self::I16,
            "U32" => Self::U32,
            "I32" => Self::I32,
            "U64" => Self::U64,
            "I64" => Self::I64,
            "F16" => Self::F16,
            "BF16" => Self::BF16,
            "F32" => Self::F32,
            "F64" => Self::F64,
            other => Self::Other(other.to_owned()),
        }
    }

    /// Whether weights of this type are quantised: no network computes in it. `I64` holds indices.
    #[must_use]
    pub fn is_quantised(&self) -> bool {
        match self {
            Self::U8 | Self::I8 | Self::U16 | Self::I16 | Self::U32 | Self::I32 => true,
            Self::Other(name) => {
                name.starts_with("F8") || name.starts_with("F4") || name.starts_with("F6")
            }
            Self::Bool | Self::U64 | Self::I64 => false,
            Self::F16 | Self::BF16 | Self::F32 | Self::F64 => false,
        }
    }

    /// Bits of one element; `None` where only the file's offsets can say.
    pub(crate) fn bits(&self) -> Option<u64> {
        Some(match self {
            Self::Bool | Self::U8 | Self::I8 => 8,
            Self::U16 | Self::I16 | Self::F16 | Self::BF16 => 16,
            Self::U32 | Self::I32 | Self::F32 => 32,
            Self::U64 | Self::I64 | Self::F64 => 64,
            Self::Other(name) => match name.as_str() {
                "F4" => 4,
                "F6_E2M3" | "F6_E3M2" => 6,
                "F8_E4M3" | "F8_E5M2" | "F8_E8M0" | "F8_E4M3FNUZ" | "F8_E5M2FNUZ" => 8,
                "C64" => 64,
                _ => return None,
            },
        })
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bool => "BOOL",
            Self::U8 => "U8",
            Self::I8 => "I8",
            Self::U16 => "U16",
            Self::I16 => "I16",
            Self::U32 => "U32",
            Self::I32 => "I32",
            Self::U64 => "U64",
            Self::I64 => "I64",
            Self::F16 => "F16",
            Self::BF16 => "BF16",
            Self::F32 => "F32",
            Self::F64 => "F64",
            Self::Other(name) => name,
        })
    }
}
