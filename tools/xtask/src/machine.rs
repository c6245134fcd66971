//! What the machine must have, and how to get what is missing.

use std::path::Path;

use anyhow::{Result, bail};

use crate::progress::say;
use crate::run::{exists, output, program, run};

/// Debian's packages of one purpose.
pub(crate) struct Packages {
    /// What they are for, in a few words.
    pub(crate) purpose: &'static str,
    names: &'static [&'static str],
}

/// To compile the server and the client.
pub(crate) const COMPILE: Packages = Packages {
    purpose: "compiling",
    names: &["build-essential", "pkg-config", "cmake", "libssl-dev", "zlib1g-dev"],
};

/// To compile and show the window.
pub(crate) const WINDOW: Packages = Packages {
    purpose: "the window",
    names: &[
        "libwebkit2gtk-4.1-dev",
        "libgtk-3-dev",
        "libayatana-appindicator3-dev",
        "librsvg2-dev",
        "libdbus-1-dev",
        "fonts-noto-cjk",
        "fonts-noto-color-emoji",
    ],
};

/// To drive the window without a screen.
pub(crate) const SCREEN: Packages = Packages {
    purpose: "a screen that nobody sees",
    names: &[
        "xvfb",
        "xauth",
        "webkit2gtk-driver",
        "gnome-keyring",
        "libsecret-tools",
        "dbus",
        "dbus-x11",
        "dunst",
        "libnotify-bin",
    ],
};

/// For the rest of the tests.
pub(crate) const TESTS: Packages =
    Packages { purpose: "the tests", names: &["chromium", "strace", "util-linux"] };

/// For the services that a cluster stands on.
pub(crate) const SERVICES: Packages = Packages {
    purpose: "the services of a cluster",
    names: &["openjdk-17-jre-headless", "maven", "postgresql-15", "haproxy"],
};

/// See that all packages are there: install them on Debian and Ubuntu, else say what is needed.
pub(crate) fn packages(wanted: &[&Packages]) -> Result<()> {
    if !cfg!(target_os = "linux") {
        say("Nothing to install: the system brings the web view. (macOS: xcode-select --install)");
        return Ok(());
    }
    let names: Vec<&str> = wanted.iter().flat_map(|some| some.names.iter().copied()).collect();
    if !exists("apt-get") || !exists("dpkg-query") {
        say(&elsewhere(wanted));
        return Ok(());
    }
    let missing = missing(&names)?;
    if missing.is_empty() {
        return Ok(());
    }
    say(&format!("Installing with apt-get: {}", missing.join(" ")));
    apt(&["update", "-q"])?;
    let mut words = vec!["install", "-q", "-y", "--no-install-recommends"];
    words.extend(&missing);
    apt(&words)
}

/// What to install where there is no apt-get.
fn elsewhere(wanted: &[&Packages]) -> String {
    let mut text = String::from(
        "This is neither Debian nor Ubuntu, so please see that these are installed, under the names \
         that your system gives them (here Debian's):\n",
    );
    for some in wanted {
        text.push_str(&format!("  for {}: {}\n", some.purpose, some.names.join(" ")));
    }
    text.push_str(
        "Fedora: dnf install gcc pkgconf cmake openssl-devel zlib-devel webkit2gtk4.1-devel gtk3-devel \
         libayatana-appindicator-gtk3-devel librsvg2-devel dbus-devel xorg-x11-server-Xvfb xorg-x11-xauth \
         gnome-keyring libsecret dbus-x11 dunst libnotify chromium strace java-17-openjdk-headless maven \
         postgresql-server haproxy\n\
         Arch: pacman -S --needed base-devel cmake openssl zlib webkit2gtk-4.1 gtk3 libayatana-appindicator \
         librsvg dbus xorg-server-xvfb xorg-xauth gnome-keyring libsecret dunst libnotify chromium strace \
         jre17-openjdk-headless maven postgresql haproxy\n\
         WebKitWebDriver comes with WebKitGTK there.",
    );
    text
}

fn missing<'a>(names: &[&'a str]) -> Result<Vec<&'a str>> {
    let mut words = vec!["dpkg-query", "-W", "-f=${Package} ${db:Status-Status}\n"];
    words.extend(names);
    // It fails when one name is unknown; what it prints is right all the same.
    let printed = program(Path::new("/"), &words).output()?;
    let printed = String::from_utf8_lossy(&printed.stdout);
    let installed: Vec<&str> =
        printed.lines().filter_map(|line| line.strip_suffix(" installed")).collect();
    Ok(names.iter().copied().filter(|name| !installed.contains(name)).collect())
}

fn apt(words: &[&str]) -> Result<()> {
    let root = output(&mut program(Path::new("/"), &["id", "-u"]))?.trim() == "0";
    let mut all = Vec::new();
    if !root {
        if !exists("sudo") {
            bail!(
                "Neither root nor sudo is there. As root, please run: apt-get {}",
                words.join(" ")
            );
        }
        all.extend(["sudo", "env", "DEBIAN_FRONTEND=noninteractive"]);
    }
    all.push("apt-get");
    all.extend(words);
    let mut command = program(Path::new("/"), &all);
    // sudo may have to ask for a password.
    command.env("DEBIAN_FRONTEND", "noninteractive").stdin(std::process::Stdio::inherit());
    run(&mut command)
}

/// The oldest Node that the UI is built with.
const NODE: u32 = 20;

/// See that Node and npm are there and new enough.
pub(crate) fn node() -> Result<()> {
    let how = format!(
        "Please install Node {NODE} or newer with npm: from your system's packages if they are new \
         enough (Debian 13, Ubuntu 25.04 and later: apt-get install nodejs npm), or from nodejs.org."
    );
    if !exists("node") || !exists("npm") {
        bail!("Node or npm is missing. {how}");
    }
    let version = output(&mut program(Path::new("."), &["node", "--version"]))?;
    match major(&version) {
        Some(major) if major >= NODE => Ok(()),
        _ => bail!("Node {} is too old. {how}", version.trim()),
    }
}

fn major(version: &str) -> Option<u32> {
    version.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_of_node_is_read() {
        assert_eq!(major("v20.20.2\n"), Some(20));
        assert_eq!(major("no"), None);
    }

    #[test]
    fn elsewhere_every_package_is_named() {
        let text = elsewhere(&[&COMPILE, &SCREEN]);
        for name in COMPILE.names.iter().chain(SCREEN.names) {
            assert!(text.contains(name), "{name}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn only_what_is_not_installed_is_missing() {
        if exists("dpkg-query") {
            assert_eq!(
                missing(&["dpkg", "no-such-package-of-kith"]).unwrap(),
                ["no-such-package-of-kith"]
            );
        }
    }
}
