//! What the backends of this program can do on this machine.
//!
//! A child process measures one backend ([`measure`]) and writes a [`Finding`] per line as soon as
//! it has one; the parent ([`Surveyed`]) keeps what came before a crash. The reference is flex, in
//! the same child.

mod curve;
mod finding;
mod forward;
mod report;
mod throughput;

pub use finding::{Finding, Outcome, Surveyed};
pub use report::{details, overview, write_csv};

use anyhow::{Result, ensure};
use burn::tensor::{Device, Tensor};
use run_support::backend::{self, BackendChoice};
use run_support::stop::Stop;

/// Largest difference of a forward pass from flex; tokens have a root mean square of 1.
pub const FORWARD_BOUND: f64 = 1e-4;
/// Largest difference of a training loss from flex within 20 steps, in nats per character. Rounding
/// grows from step to step, and a token whose two best words are about equal may change its word.
pub const CURVE_BOUND: f64 = 1e-3;

/// Multiplies two small matrices, forward and backward.
///
/// # Errors
/// If the product is wrong.
pub fn trial(device: &Device) -> Result<()> {
    let x = Tensor::<2>::ones([2, 3], &device.clone().autodiff()).require_grad();
    let y = Tensor::<2>::ones([3, 4], &device.clone().autodiff());
    let sum = x.clone().matmul(y).sum();
    let value: f32 = sum.clone().into_scalar();
    let gradients = sum.backward();
    let gradient = x
        .grad(&gradients)
        .map_or(f32::NAN, |gradient| gradient.sum().into_scalar());
    ensure!(
        (value, gradient) == (24.0, 24.0),
        "a product of ones came out as {value} with gradient {gradient} instead of 24 and 24"
    );
    Ok(())
}

/// Measures one backend and tells `emit` every finding at once.
///
/// # Errors
/// If the backend does not work; a driver may also crash the process.
pub fn measure(
    choice: BackendChoice,
    stop: &Stop,
    emit: &mut dyn FnMut(Finding) -> Result<()>,
) -> Result<()> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    backend::set_threads(choice.backend, cores);
    let device = choice.open_unguarded()?;
    let name = backend::describe(&device);
    let mut names = vec![name.clone()];
    for (index, found) in backend::devices(choice.backend).iter().enumerate() {
        // The default device stands for one of the others.
        let found = backend::describe(found);
        if found != name {
            names.push(format!("{}:{index} {found}", choice.backend));
        }
    }
    emit(Finding::Devices { names })?;
    trial(&device)?;
    emit(Finding::Matmul {
        gflops: throughput::matmul_gflops(&device)?,
    })?;
    #[cfg(feature = "flex")]
    {
        let reference = Device::flex();
        forward::compare(&reference, &device, emit)?;
        curve::compare(&reference, &device, stop, emit)?;
    }
    let _ = stop;
    Ok(())
}

/// Largest absolute difference; `None` where a number is not finite or the counts differ.
fn differences(reference: &[f32], found: &[f32]) -> Option<f64> {
    if reference.len() != found.len() {
        return None;
    }
    let mut largest = 0.0_f64;
    for (&a, &b) in reference.iter().zip(found) {
        let difference = (f64::from(a) - f64::from(b)).abs();
        if !difference.is_finite() {
            return None;
        }
        largest = largest.max(difference);
    }
    Some(largest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_the_largest_and_none_if_a_number_is_missing_or_not_finite() {
        assert_eq!(differences(&[1.0, 2.0], &[1.5, 1.75]), Some(0.5));
        assert_eq!(differences(&[1.0, 2.0], &[1.0]), None);
        assert_eq!(differences(&[1.0], &[f32::NAN]), None);
        assert_eq!(differences(&[1.0], &[f32::INFINITY]), None);
    }

    #[cfg(feature = "flex")]
    #[test]
    fn the_reference_agrees_with_itself_exactly_and_everything_is_compared() {
        let mut findings = Vec::new();
        let choice = run_support::backend::Backend::Flex.into();
        measure(choice, &Stop::default(), &mut |finding| {
            findings.push(finding);
            Ok(())
        })
        .unwrap();
        let mut arms = 0;
        for finding in &findings {
            match finding {
                Finding::Devices { names } => assert_eq!(names.len(), 1),
                Finding::Matmul { gflops } => assert!(*gflops > 0.1, "{gflops}"),
                Finding::Forward { difference, .. } => {
                    assert_eq!(*difference, Some(0.0));
                    arms += 1;
                }
                Finding::Curve {
                    difference, losses, ..
                } => {
                    assert_eq!(*difference, Some(0.0));
                    assert!(losses[0] > losses[1], "{losses:?}");
                }
            }
        }
        let smooth = arms::ArmKind::ALL;
        let smooth = smooth.iter().filter(|kind| !kind.is_discretiser());
        assert!(arms > smooth.count());
    }
}
