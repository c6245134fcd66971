//! What a person does in a window, in the words of a test.

use anyhow::Result;

use crate::window::Window;

/// The place of a test id.
#[must_use]
pub fn at(test_id: &str) -> String {
    format!("[data-testid={test_id}]")
}

/// Make an account on a server and come to the list of conversations.
///
/// # Errors
/// When something on the way is not there.
pub async fn registers(window: &Window, server: &str, name: &str, shown: &str) -> Result<()> {
    window.clicks(&at("switch-register-button")).await?;
    window.types(&at("server-input"), server).await?;
    window.types(&at("name-input"), name).await?;
    window.types(&at("display-name-input"), shown).await?;
    window.types(&at("password-input"), PASSWORD).await?;
    window.clicks("[data-testid=register-button]:enabled").await?;
    window.sees(&at("conversation-list")).await?;
    Ok(())
}

/// The password of everybody here.
pub const PASSWORD: &str = "correct horse battery";

/// Open the conversation with somebody who is not in the list yet.
///
/// # Errors
/// When nobody has that name.
pub async fn finds(window: &Window, name: &str) -> Result<()> {
    window.clicks(&at("new-conversation-button")).await?;
    window.types(&at("people-search"), name).await?;
    window.reads(&at("person-option"), name).await?;
    window.clicks(&at("person-option")).await?;
    window.sees(&at("composer-input")).await?;
    Ok(())
}

/// Open a conversation of the list.
///
/// # Errors
/// When it is not there.
pub async fn opens(window: &Window, title: &str) -> Result<()> {
    window.reads(&at("conversation-item"), title).await?;
    window.clicks(&at("conversation-item")).await?;
    window.reads(&at("conversation-title"), title).await
}

/// Write a message and send it.
///
/// # Errors
/// When there is nowhere to write.
pub async fn says(window: &Window, text: &str) -> Result<()> {
    window.types(&at("composer-input"), text).await?;
    window.clicks("[data-testid=send-button]:enabled").await
}

/// Wait until the last message of one's own has come this far: `sent`, `delivered`, `read`.
///
/// # Errors
/// When it does not.
pub async fn sees_progress(window: &Window, text: &str, state: &str) -> Result<()> {
    window.reads(&format!("[data-testid=message][data-state={state}]"), text).await
}
