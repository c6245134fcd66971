//! Embeds the built UI and the icons, and lists the commands that the page may be allowed to use.

use std::path::Path;

fn main() {
    let page = Path::new("../ui/dist/index.html");
    println!("cargo:rerun-if-changed={}", page.display());
    if !page.exists() {
        eprintln!("\nThe UI is not built yet. Run: cargo xtask setup\n");
        std::process::exit(1);
    }
    let commands = tauri_build::AppManifest::new().commands(&["call", "subscribe"]);
    if let Err(error) =
        tauri_build::try_build(tauri_build::Attributes::new().app_manifest(commands))
    {
        eprintln!("{error:#}");
        std::process::exit(1);
    }
}
