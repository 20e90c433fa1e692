//! The two macros behind the lists of [`crate::kinds`]: each makes an enum and everything that has to
//! name all of its variants, so that a line in the list is all there is to add.

/// `Variant => definition,` for every kind, in the order of results: makes [`ArmKind`](crate::ArmKind).
macro_rules! kinds {
    ($($kind:ident => $definition:path,)*) => {
        /// Kinds of projectors, in the order in which results list them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum ArmKind {
            $(#[doc = concat!("`", stringify!($definition), "`")] $kind,)*
            /// The projector that a published checkpoint brings, frozen; see [`TokenizeOverride`].
            Pretrained(TokenizeOverride),
        }

        impl ArmKind {
            /// Every kind that we train: all but `pretrained`.
            pub const ALL: [Self; [$(stringify!($kind)),*].len()] = [$(Self::$kind),*];

            /// What is true of the kind.
            #[must_use]
            pub fn definition(self) -> Definition {
                match self {
                    $(Self::$kind => $definition,)*
                    Self::Pretrained(swap) => swap.definition(),
                }
            }
        }
    };
}

/// `Variant(Layers),` for every projector that arms are made of: makes [`Arm`](crate::Arm).
macro_rules! layers {
    ($($variant:ident($layers:ty),)*) => {
        /// Any projector of the comparison. Kinds that differ in their sizes or settings only share a
        /// variant.
        #[derive(Module, Debug)]
        #[allow(clippy::large_enum_variant)] // one per cell; a box would hide the module from derive
        pub enum Arm {
            $(#[doc = concat!("`", stringify!($layers), "`")] $variant($layers),)*
        }

        impl Projector for Arm {
            fn merge_size(&self) -> usize {
                match self { $(Self::$variant(arm) => arm.merge_size(),)* }
            }

            fn d_out(&self) -> usize {
                match self { $(Self::$variant(arm) => arm.d_out(),)* }
            }

            fn token_grid(&self, rows: usize, columns: usize) -> [usize; 2] {
                match self { $(Self::$variant(arm) => arm.token_grid(rows, columns),)* }
            }

            fn forward(&self, patches: &PatchGrid, pass: &mut Pass<'_>) -> VisualTokens {
                match self { $(Self::$variant(arm) => arm.forward(patches, pass),)* }
            }

            fn cost(&self) -> Cost {
                match self { $(Self::$variant(arm) => arm.cost(),)* }
            }

            fn start_from(&mut self, sample: StartSample<'_>, rng: &mut ChaCha8Rng) {
                match self { $(Self::$variant(arm) => arm.start_from(sample, rng),)* }
            }

            fn after_step(&mut self, patches: impl FnOnce() -> PatchGrid, rng: &mut ChaCha8Rng) {
                match self { $(Self::$variant(arm) => arm.after_step(patches, rng),)* }
            }
        }
    };
}

pub(crate) use {kinds, layers};
