//! Packs the embedded catalog: a tenth of its size, and quicker to unpack than to page in. What is committed stays readable.
//! Lists the embedded dialects, so that a new one is a new file and nothing else.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use flate2::Compression;
use flate2::write::DeflateEncoder;

const CATALOG: &str = "config/catalog.json";
const DIALECTS: &str = "config/dialects";

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed={CATALOG}");
    let folder = env::var_os("OUT_DIR").map(PathBuf::from).ok_or_else(|| io::Error::other("no OUT_DIR"))?;
    let packed = fs::File::create(folder.join("catalog.deflate"))?;
    let mut encoder = DeflateEncoder::new(packed, Compression::best());
    encoder.write_all(&fs::read(CATALOG)?)?;
    encoder.finish()?;
    dialects(&folder)
}

/// Writes `dialects.rs`: the name and text of every file in the folder of dialects.
fn dialects(out: &Path) -> io::Result<()> {
    println!("cargo::rerun-if-changed={DIALECTS}");
    let mut paths: Vec<PathBuf> =
        fs::read_dir(DIALECTS)?.map(|file| Ok(file?.path())).collect::<io::Result<_>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    paths.sort();
    let mut list =
        String::from("/// Names and texts of the embedded dialects.\nstatic FILES: &[(&str, &str)] = &[\n");
    for path in &paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let file = format!("/{DIALECTS}/{name}");
        list += &format!("    ({name:?}, include_str!(concat!(env!(\"CARGO_MANIFEST_DIR\"), {file:?}))),\n");
    }
    fs::write(out.join("dialects.rs"), list + "];\n")
}
