//! A sign-in from a file, for a demonstration or a kiosk: a password never stands among arguments,
//! where everybody on the machine can read it.

use std::path::Path;

use anyhow::{Context, Result};
use client::api::{Answers, Nothing, SignInArgs};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    address: String,
    name: String,
    password: String,
}

/// Sign in as the file says unless somebody is signed in, for as long as the app runs.
///
/// # Errors
/// When the file cannot be read, or the server refuses.
pub(crate) async fn sign_in_from(file: &Path, client: &dyn Answers) -> Result<()> {
    let shown = file.display();
    let text = std::fs::read(file).with_context(|| format!("cannot read {shown}"))?;
    let File { address, name, password } =
        serde_json::from_slice(&text).with_context(|| format!("{shown} has another form"))?;
    let state =
        client.get_state(Nothing {}).await.map_err(|error| anyhow::anyhow!(error.detail))?;
    if state.account.is_none() {
        let arguments = SignInArgs { address, name, password, session_only: true };
        let signed_in = client.sign_in(arguments).await;
        signed_in.map_err(|error| anyhow::anyhow!("cannot sign in: {:?}", error.code))?;
    }
    Ok(())
}
