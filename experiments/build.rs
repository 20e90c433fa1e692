//! Lets the programs find LibTorch where the build found it.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // Set by torch-sys, and only if the feature `tch` is on.
    let Some(folder) = env::var_os("DEP_TCH_LIBTORCH_LIB") else {
        return;
    };
    let folder = folder.to_string_lossy();
    if env::var("CARGO_CFG_TARGET_FAMILY").is_ok_and(|family| family == "unix") {
        println!("cargo::rustc-link-arg=-Wl,-rpath,{folder}");
    }
}
