//! Loops over plain slices, one file per operation, compiled once per instruction set.
//!
//! Elementwise bodies are ordinary Rust that the compiler vectorises, reductions go through
//! [`lanes`]; `kernel!` has both compiled for the baseline, for AVX2 and for AVX-512 and picks one
//! at run time. Multiply-adds are fused and rows are summed in the same order everywhere, so all
//! instruction sets give the same bits.

/// Defines a function whose body is compiled for every instruction set that `pulp` can choose.
///
/// The first parameter of the body, before the semicolon, stands for that instruction set.
///
/// A closure passed to `pulp` would do the same only while the optimiser inlines it; too large a
/// closure silently falls back to the baseline. The struct below is inlined by force.
///
/// Exported for crates that add kernels of their own.
#[macro_export]
macro_rules! kernel {
    (
        $(#[$attribute:meta])*
        $visibility:vis fn $name:ident<$life:lifetime>(
            $simd:ident; $($argument:ident: $kind:ty),* $(,)?
        )
        $body:block
    ) => {
        $(#[$attribute])*
        $visibility fn $name<$life>($($argument: $kind),*) {
            // A function of its own keeps the promise that the slices do not overlap, which a
            // struct field loses.
            #[inline(always)]
            fn body<$life, S: $crate::kernel::pulp::Simd>($simd: S, $($argument: $kind),*) $body

            struct Call<$life> {
                $($argument: $kind),*
            }

            impl<$life> $crate::kernel::pulp::WithSimd for Call<$life> {
                type Output = ();

                #[inline(always)]
                fn with_simd<S: $crate::kernel::pulp::Simd>(self, simd: S) {
                    body(simd, $(self.$argument),*);
                }
            }

            $crate::kernel::pulp::Arch::new().dispatch(Call { $($argument),* });
        }
    };
}

/// The instruction sets that `kernel!` chooses from.
pub use pulp;

pub(crate) mod activation;
pub(crate) mod adamw;
pub(crate) mod attention;
pub(crate) mod cross_entropy;
pub mod exponential;
pub(crate) mod gelu;
pub mod lanes;
pub(crate) mod layer_norm;
pub(crate) mod linear;
pub(crate) mod nearest;
pub(crate) mod product;
pub(crate) mod rms_norm;
pub(crate) mod segments;
pub mod softmax;

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use pulp::x86::Arch;

    /// Without the variant of AVX2, which `pulp` leaves out unless it is asked for, processors without
    /// AVX-512 would run every kernel without vectors and with multiply-adds in software.
    #[test]
    fn kernels_are_compiled_for_avx2_and_avx_512_and_chosen_where_they_run() {
        let vectors = matches!(Arch::new(), Arch::V3(_) | Arch::V4(_));
        let has_them = std::arch::is_x86_feature_detected!("avx2")
            && std::arch::is_x86_feature_detected!("fma");
        assert_eq!(vectors, has_them);
    }
}
