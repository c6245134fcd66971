//! The app as a package for Debian, to see how large it is: what `tauri.conf.json` asks for, packed as
//! Tauri packs it.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::run::{output, program};

const CONTROL: &str = "Package: kith\nVersion: 0.1.0\nArchitecture: all\nMaintainer: Kith\n\
    Depends: libwebkit2gtk-4.1-0, libgtk-3-0\nDescription: Chat that people run themselves\n";
const ENTRY: &str = "[Desktop Entry]\nType=Application\nName=Kith\nExec=kith\nIcon=kith\n\
    Categories=Network;InstantMessaging;\nMimeType=x-scheme-handler/kith;\n";

/// Pack the program with its icons and its entry in the menu, in a new folder; gives the bytes of the
/// package and of the program.
pub(super) fn make(root: &Path, kith: &Path, folder: &Path) -> Result<Value> {
    let place = |path: &str| -> Result<std::path::PathBuf> {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().context("a file stands in a folder")?)?;
        Ok(path)
    };
    fs::write(place("DEBIAN/control")?, CONTROL)?;
    fs::write(place("usr/share/applications/Kith.desktop")?, ENTRY)?;
    fs::copy(kith, place("usr/bin/kith")?)?;
    for (size, icon) in
        [("32x32", "32x32.png"), ("128x128", "128x128.png"), ("256x256@2", "128x128@2x.png")]
    {
        let to = place(&format!("usr/share/icons/hicolor/{size}/apps/kith.png"))?;
        fs::copy(root.join("src-tauri/icons").join(icon), to)?;
    }
    let package = folder.with_extension("deb");
    let words = ["dpkg-deb", "--root-owner-group", "-Zgzip", "--build"];
    output(program(root, &words).arg(folder).arg(&package))?;
    let bytes = |path: &Path| Ok::<_, anyhow::Error>(fs::metadata(path)?.len());
    Ok(json!({ "bytes": bytes(&package)?, "program_bytes": bytes(kith)? }))
}
