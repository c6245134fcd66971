//! Opening a database for a test.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

use storage::contract::Opened;
use storage::sqlite::Options;
use storage::{Blocking, Sqlite};
use tokio::sync::mpsc;
use uuid::Uuid;

/// How often a database said that the process must end.
pub(crate) type Fatal = Arc<AtomicU32>;

/// The options of a test's database. Its clock goes on by a second each time it is asked.
pub(crate) fn options(
    folder: &Path,
    blocking: Blocking,
) -> (Options, Fatal, mpsc::Receiver<storage::Committed>) {
    let (sender, committed) = mpsc::channel(1_000);
    let (clock, fatal) = (AtomicI64::new(1_700_000_000_000), Fatal::default());
    let options = Options {
        folder: folder.to_owned(),
        new_database: Uuid::from_u128(0xda7a),
        blocking,
        committed: sender,
        clock: Arc::new(move || clock.fetch_add(1_000, Ordering::Relaxed)),
        fatal: Arc::new({
            let fatal = fatal.clone();
            move |_| {
                fatal.fetch_add(1, Ordering::Relaxed);
            }
        }),
        readers: 2,
        synchronous_off: false,
        max_pages: None,
    };
    (options, fatal, committed)
}

/// A database in this folder.
pub(crate) fn at(folder: &Path, blocking: Blocking) -> storage::Result<Opened<Sqlite>> {
    let (options, fatal, committed) = options(folder, blocking);
    Ok(Opened { store: Sqlite::open(options)?, committed, keep: Box::new(fatal) })
}

/// A database in a folder of its own. Power is never cut in the contract, so it need not wait for the
/// disk.
pub(crate) fn empty(blocking: Blocking) -> Opened<Sqlite> {
    let folder = tempfile::tempdir().unwrap();
    let (mut options, _, committed) = options(folder.path(), blocking);
    options.synchronous_off = true;
    Opened { store: Sqlite::open(options).unwrap(), committed, keep: Box::new(folder) }
}
