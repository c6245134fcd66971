//! What a compiler does not see and a reader would: crates that look the wrong way, files that have
//! grown too long or do not say why they exist, marks of unfinished work, traces of one machine.

mod direction;
mod files;

use std::path::Path;

use anyhow::{Result, bail};

use crate::progress::say;

/// Look at everything; an error when anything is wrong.
pub(crate) fn tidy(root: &Path) -> Result<()> {
    let wrong = complaints(root)?;
    for one in &wrong {
        say(one);
    }
    match wrong.len() {
        0 => {
            say("Tidy.");
            Ok(())
        }
        1 => bail!("One thing is not tidy."),
        many => bail!("{many} things are not tidy."),
    }
}

fn complaints(root: &Path) -> Result<Vec<String>> {
    let mut wrong = direction::complaints(root)?;
    wrong.extend(files::complaints(root)?);
    Ok(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_is_tidy() {
        let root = crate::root().unwrap();
        let wrong = complaints(&root).unwrap();
        assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
    }
}
