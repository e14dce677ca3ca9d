//! Compiles `turnout/**/*.proto` with protox, a protobuf compiler in Rust: no `protoc` is needed on the machine.

use std::{
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
};

fn main() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let mut files = Vec::new();
    collect(Path::new("turnout"), &mut files)?;
    files.sort();

    let mut compiler = protox::Compiler::new(["."])?;
    compiler.include_source_info(true); // comments become rustdoc
    compiler.include_imports(true); // reflection needs google/protobuf/*.proto too
    compiler.open_files(&files)?;
    fs::write(out.join("descriptors.bin"), compiler.encode_file_descriptor_set())?;

    tonic_prost_build::configure().build_transport(true).compile_fds(compiler.file_descriptor_set())?;

    // `compile_fds` emits none of its own.
    println!("cargo::rerun-if-changed=turnout");
    println!("cargo::rerun-if-changed=build.rs");
    Ok(())
}

fn collect(dir: &Path, files: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|e| e == "proto") {
            files.push(path);
        }
    }
    Ok(())
}
