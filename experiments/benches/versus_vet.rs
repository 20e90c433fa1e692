//! The visual embedding table as one fused operation, as JSON lines; the twin of
//! `benchmarks/pytorch/vet.py`.
//!
//! - times: `cargo bench --workspace --profile dev --bench versus_vet -- --threads 2`
//! - peak memory of one call: `... -- --memory softmax 256 forward`
//! - the released table on another backend: `... -- --device tch:0 --dtype bf16`, with `--quick` a tiny
//!   one; `tools/gpu/measure.sh` does so

mod versus;

use anyhow::{Context, Result, bail};
use burn::module::{Module, ModuleMapper, Param};
use burn::nn::Linear;
use burn::tensor::{Device, FloatDType, Tensor, TensorData};
use ovis_vet::{Tokenize, Vet};
use projector::{LayerNorm, Pass, VisualTokens};
use run_support::backend::{self, BackendChoice};
use versus::{measure_for, peak_mib, report_peak, report_with};

/// The allocator of the study.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Width of a merged block, words, width of a token.
type Sizes = [usize; 3];

const INDICATORS: usize = 4;
/// Ovis2.5-2B: 2 x 2 patches of width 1152, 65,532 words, tokens of width 2048.
const RELEASED: Sizes = [4608, 65_532, 2048];
const TOKENS: [usize; 3] = [256, 1024, 3136];
const FUNCTIONS: [&str; 3] = ["softmax", "st-argmax", "top-32"];
/// The study: 2 x 2 patches of width 128, tokens of width 128.
const VOCABULARIES: [usize; 5] = [256, 1024, 4096, 16_384, 65_536];
const STUDY_TOKENS: usize = 512;

/// Sizes, tokens, and the side of the product that shows what a device can do.
type OnDevice = (Sizes, &'static [usize], usize);
const DEVICE: OnDevice = (RELEASED, &[1024, 3136], 8192);
const DEVICE_QUICK: OnDevice = ([64, 1020, 32], &[64], 256);
const DEVICE_SECONDS: f64 = 2.0;

/// Makes tokens.
type Forward = fn(&Vet, Tensor<3>, &mut Pass<'_>) -> VisualTokens;
/// Where there is no fused operation: what the program runs, and every matrix of tokens by words whole.
const PLAIN: [(&str, Forward); 2] = [
    ("tiles", Vet::forward_in_tiles),
    ("stages", Vet::forward_in_stages),
];

#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Forward,
    ForwardAndBackward,
}

/// What has a gradient.
#[derive(Clone, Copy, PartialEq)]
enum Learns {
    /// Every parameter, but not the features, as behind a frozen tower.
    Table,
    /// Everything else: the gradients of head and table are as large as they are, and would hide
    /// the memory that the method itself needs.
    AllButMatrices,
}

impl Mode {
    const ALL: [Self; 2] = [Self::Forward, Self::ForwardAndBackward];

    fn name(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::ForwardAndBackward => "forward+backward",
        }
    }
}

fn main() -> Result<()> {
    run_support::memory::keep_pages();
    let threads = versus::threads()?;
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()?;
    let arguments: Vec<String> = std::env::args().collect();
    let quick = arguments.iter().any(|argument| argument == "--quick");
    let place_of = |flag: &str| arguments.iter().position(|argument| argument == flag);
    let after = |place: usize| arguments.get(place + 1).map_or("", String::as_str);
    let dtype = match place_of("--dtype").map(after) {
        None | Some("f32") => FloatDType::F32,
        Some("bf16") => FloatDType::BF16,
        Some(other) => bail!("--dtype `{other}` is not known; write f32 or bf16"),
    };
    if let Some(place) = place_of("--device") {
        let choice: BackendChoice = after(place).parse()?;
        return pool.install(|| on_device(choice, dtype, threads, quick));
    }
    if dtype != FloatDType::F32 {
        bail!("the fused operation is f32 on Flex; with --dtype bf16 goes --device NAME");
    }
    pool.install(|| match place_of("--memory") {
        Some(place) => match &arguments[place + 1..] {
            [function, tokens, mode, ..] => memory_of(function, tokens, mode, threads),
            _ => bail!("--memory needs a function, a number of tokens and a mode"),
        },
        None => times(threads, quick),
    })
}

fn times(threads: usize, quick: bool) -> Result<()> {
    for words in VOCABULARIES {
        time([512, words, 128], "softmax", &[STUDY_TOKENS], threads, 2.0)?;
    }
    for function in FUNCTIONS {
        let small = quick || threads == 1 || function != "softmax";
        let tokens = if small { &TOKENS[..1] } else { &TOKENS[..] };
        time(RELEASED, function, tokens, threads, 4.0)?;
    }
    Ok(())
}

fn time(
    sizes: Sizes,
    function: &str,
    tokens: &[usize],
    threads: usize,
    seconds: f64,
) -> Result<()> {
    let vet = table(sizes, function, &Device::flex())?;
    for &tokens in tokens {
        let blocks = numbers([1, tokens, sizes[0]], 1.0, &Device::flex());
        for mode in Mode::ALL {
            let timing = measure_for(seconds, call(&vet, &blocks, mode, Learns::Table, fused));
            let flop = 2.0 * multiply_adds(sizes, function, tokens, mode) as f64;
            report_with(
                &name_of(function, sizes),
                threads,
                timing,
                Some(flop),
                serde_json::json!({"mode": mode.name(), "tokens": tokens, "words": sizes[1]}),
            );
        }
    }
    Ok(())
}

/// The softmax table in `dtype` on a device that is named, made in both plain ways, and a large product.
fn on_device(choice: BackendChoice, dtype: FloatDType, threads: usize, quick: bool) -> Result<()> {
    backend::set_threads(choice.backend, threads);
    // Not `open`: to try a driver out, it starts this program again and takes it for `experiments`.
    let device = choice.open_unguarded()?;
    let name = if dtype == FloatDType::BF16 {
        "bf16"
    } else {
        "f32"
    };
    if !device.supports_dtype(dtype) {
        bail!("{choice} does not compute in {name} here; leave --dtype away");
    }
    let (sizes, tokens, side) = if quick { DEVICE_QUICK } else { DEVICE };
    let square = numbers([side, side], 1.0, &device).cast(dtype);
    let timing = measure_for(DEVICE_SECONDS, || {
        let product = square.clone().matmul(square.clone());
        device.sync().expect("the device failed");
        product
    });
    report_with(
        &format!("matmul {side}x{side}x{side}"),
        threads,
        timing,
        Some(2.0 * (side as f64).powi(3)),
        serde_json::json!({"impl": format!("burn {choice}"), "dtype": name}),
    );
    let exact = table(sizes, "softmax", &device)?;
    let vet = exact.clone().map(&mut To(dtype));
    for &tokens in tokens {
        let wide = numbers([1, tokens, sizes[0]], 1.0, &device);
        let blocks = wide.clone().cast(dtype);
        let expected = tokens_of(&exact, wide, Vet::forward_in_stages);
        for (way, forward) in PLAIN {
            let error = deviation(tokens_of(&vet, blocks.clone(), forward), expected.clone());
            for mode in Mode::ALL {
                let work = call(&vet, &blocks, mode, Learns::Table, forward);
                let timing = measure_for(DEVICE_SECONDS, work);
                let flop = 2.0 * multiply_adds(sizes, "softmax", tokens, mode) as f64;
                report_with(
                    &name_of("softmax", sizes),
                    threads,
                    timing,
                    Some(flop),
                    serde_json::json!({
                        "impl": format!("burn {choice} {way}"),
                        "dtype": name,
                        "mode": mode.name(),
                        "tokens": tokens,
                        "words": sizes[1],
                        "error": error,
                    }),
                );
            }
        }
    }
    Ok(())
}

/// Casts parameters.
struct To(FloatDType);

impl ModuleMapper for To {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|tensor| tensor.cast(self.0))
    }
}

/// Norm of the difference over the norm of what was expected, which is f32.
fn deviation(found: Tensor<3>, expected: Tensor<3>) -> f64 {
    let norm = |tensor: Tensor<3>| tensor.square().sum().sqrt().into_scalar::<f32>();
    let difference = norm(found.cast(FloatDType::F32) - expected.clone());
    f64::from(difference) / f64::from(norm(expected))
}

fn name_of(function: &str, [d_in, _, d_out]: Sizes) -> String {
    format!("vet {function} {d_in}->{d_out}")
}

/// The work that is measured.
fn call(vet: &Vet, blocks: &Tensor<3>, mode: Mode, learns: Learns, forward: Forward) -> impl Fn() {
    let device = blocks.device();
    let (mut vet, mut blocks) = (vet.clone(), blocks.clone());
    if mode == Mode::ForwardAndBackward {
        (vet, blocks) = (vet.train(), blocks.autodiff());
        if learns == Learns::AllButMatrices {
            vet.head.weight = vet.head.weight.set_require_grad(false);
            vet.table = vet.table.set_require_grad(false);
            blocks = blocks.require_grad();
        }
    }
    move || {
        let tokens = tokens_of(&vet, blocks.clone(), forward);
        if mode == Mode::ForwardAndBackward {
            std::hint::black_box(tokens.sum().backward());
        } else {
            std::hint::black_box(tokens);
        }
        // A GPU is still at work here; Flex is not.
        device.sync().expect("the device failed");
    }
}

fn tokens_of(vet: &Vet, blocks: Tensor<3>, forward: Forward) -> Tensor<3> {
    let mut pass = Pass {
        distribution: false,
        ..Pass::deterministic()
    };
    forward(vet, blocks, &mut pass).embeddings
}

fn fused(vet: &Vet, blocks: Tensor<3>, pass: &mut Pass<'_>) -> VisualTokens {
    vet.forward_fused(blocks, pass).expect("f32 on Flex")
}

/// Products that the method needs: a hard token is a look-up, features have no gradient, and what
/// the backward pass makes again is not counted.
fn multiply_adds([d_in, words, d_out]: Sizes, function: &str, tokens: usize, mode: Mode) -> usize {
    let (rows, weights) = match function {
        "softmax" => (words, words),
        "st-argmax" => (0, words),
        _ => (32, 32),
    };
    let forward = d_in * words + d_out * rows;
    let backward = match mode {
        Mode::Forward => 0,
        Mode::ForwardAndBackward => d_in * words + d_out * weights + d_out * rows,
    };
    tokens * (forward + backward)
}

fn memory_of(function: &str, tokens: &str, mode: &str, threads: usize) -> Result<()> {
    let tokens: usize = tokens.parse().context("the number of tokens")?;
    let mode = match mode {
        "forward" => Mode::Forward,
        "forward+backward" => Mode::ForwardAndBackward,
        other => bail!("mode `{other}`; write forward or forward+backward"),
    };
    let [d_in, words, d_out] = RELEASED;
    let vet = table(RELEASED, function, &Device::flex())?;
    let blocks = numbers([1, tokens, d_in], 1.0, &Device::flex());
    let kept = match mode {
        Mode::Forward => tokens * d_out,
        Mode::ForwardAndBackward => tokens * d_in + 2 * words,
    };
    let call = call(&vet, &blocks, mode, Learns::AllButMatrices, fused);
    let peak = peak_mib(call)? - (4 * kept) as f64 / f64::from(1 << 20);
    report_peak(
        &name_of(function, RELEASED),
        threads,
        peak,
        serde_json::json!({"mode": mode.name(), "tokens": tokens, "words": words}),
    );
    Ok(())
}

fn table([d_in, words, d_out]: Sizes, function: &str, device: &Device) -> Result<Vet> {
    let tokenize = match function {
        "softmax" => Tokenize::Softmax,
        "st-argmax" => Tokenize::StArgmax,
        "top-32" => Tokenize::TopK { k: 32 },
        other => bail!("tokenize function `{other}`; known: {FUNCTIONS:?}"),
    };
    let head = Linear {
        weight: Param::from_tensor(numbers([d_in, words], 0.01, device)),
        bias: None,
    };
    let norm = LayerNorm::new(words, 1e-5, device);
    let table = Param::from_tensor(numbers([words + INDICATORS, d_out], 0.5, device));
    Ok(Vet::from_parts(head, norm, table, 2, tokenize))
}

/// Numbers in `-bound..bound`, quickly: hundreds of millions are needed.
fn numbers<const D: usize>(shape: [usize; D], bound: f32, device: &Device) -> Tensor<D> {
    let values: Vec<f32> = (0..shape.iter().product::<usize>() as u64)
        .map(|index| {
            let mixed = (index + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            (((mixed >> 40) as f32) / 8_388_608.0 - 1.0) * bound
        })
        .collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}
