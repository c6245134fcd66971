//! Getting the programs: jars through Maven, the S3 server through Go. Each is got once, and again
//! only when the list of what is wanted has changed.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::place;
use crate::run::{exists, program, run};

/// The S3 server: files in a folder.
const S3_SERVER: &str = "github.com/versity/versitygw/cmd/versitygw@v1.8.0";

/// The folder with the jars that `infra/dev/NAME/pom.xml` lists.
pub(super) fn jars(root: &Path, name: &str) -> Result<PathBuf> {
    let pom = root.join("infra/dev").join(name).join("pom.xml");
    let wanted = fs::read(&pom).with_context(|| format!("cannot read {}", pom.display()))?;
    let folder = place::all(root).join("jars").join(name);
    let stamp = folder.join("from-pom.xml");
    if fs::read(&stamp).is_ok_and(|there| there == wanted) {
        return Ok(folder);
    }
    // Jars of another version beside the new ones would be on the class path too.
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)?;
    let mut maven = program(root, &["mvn", "-q", "-B", "-Dstyle.color=never", "-f"]);
    maven.arg(&pom).arg("dependency:copy-dependencies");
    run(maven.arg(format!("-DoutputDirectory={}", folder.display())))?;
    fs::write(stamp, wanted)?;
    Ok(folder)
}

/// The S3 server's program.
pub(super) fn s3_server(root: &Path) -> Result<PathBuf> {
    let folder = place::all(root).join("bin");
    let (server, stamp) = (folder.join("versitygw"), folder.join("versitygw.version"));
    if server.exists() && fs::read_to_string(&stamp).is_ok_and(|there| there == S3_SERVER) {
        return Ok(server);
    }
    if !exists("go") {
        bail!(
            "The S3 server is built with Go 1.21 or newer, which is missing. Please install it (go.dev), \
             or leave the S3 server out: cargo xtask services up --only kafka,cql,zookeeper,postgres,haproxy"
        );
    }
    fs::create_dir_all(&folder)?;
    run(program(root, &["go", "install", S3_SERVER]).env("GOBIN", &folder))?;
    fs::write(stamp, S3_SERVER)?;
    Ok(server)
}
