//! Somebody else, without a window: the same client as in the app, so that a test of one window does
//! not need two.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, anyhow};
use client::api::{
    Answers, FindPeople, InConversation, MarkRead, Nothing, OneMessage, OpenConversation,
    RegisterArgs, SendMessage, SignInArgs, WithPerson,
};
use client::connect::Network;
use client::secrets::{FileSecrets, MemorySecrets, Secrets};
use client::view::{ConversationItem, RowBody};
use client::{Client, Environment, Options};
use protocol::ConversationId;
use tempfile::TempDir;

use crate::patience::until;
use crate::people::PASSWORD;

/// What the app is called on a machine; `tauri.conf.json` says the same.
const APP: &str = "chat.kith.desktop";

/// A person with an account and a client.
pub struct Person {
    client: Client,
    _folder: Option<TempDir>,
}

impl Person {
    async fn start(device: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let secrets = Arc::new(MemorySecrets::default());
        let client = start(device, "kith", folder.path(), secrets).await?;
        Ok(Self { client, _folder: Some(folder) })
    }

    /// Somebody new.
    ///
    /// # Errors
    /// When the server does not take them.
    pub async fn registers(server: &str, name: &str, shown: &str) -> Result<Self> {
        Self::start(name).await?.takes_account(server, name, shown).await
    }

    /// Somebody new, with everything where the app of the profile `name` finds it when it is started
    /// with this folder and this file of secrets: see `docs/qa.md`.
    ///
    /// # Errors
    /// When the server does not take them.
    pub async fn registers_for_an_app(
        server: &str,
        (name, shown): (&str, &str),
        folder: &Path,
        secrets: &Path,
    ) -> Result<Self> {
        let service = format!("{APP}.{name}");
        let client = start(name, &service, folder, Arc::new(FileSecrets::new(secrets))).await?;
        Self { client, _folder: None }.takes_account(server, name, shown).await
    }

    /// Let go of the folder.
    pub async fn leaves(self) {
        self.client.shutdown().await;
    }

    async fn takes_account(self, server: &str, name: &str, shown: &str) -> Result<Self> {
        let person = self;
        let arguments = RegisterArgs {
            address: server.to_owned(),
            name: name.to_owned(),
            display_name: shown.to_owned(),
            password: PASSWORD.to_owned(),
            session_only: false,
        };
        person.client.register(arguments).await.map_err(refused)?;
        Ok(person)
    }

    /// Somebody who has an account, on another device.
    ///
    /// # Errors
    /// When the server does not let them in.
    pub async fn signs_in(server: &str, name: &str) -> Result<Self> {
        let person = Self::start("another device").await?;
        let arguments = SignInArgs {
            address: server.to_owned(),
            name: name.to_owned(),
            password: PASSWORD.to_owned(),
            session_only: false,
        };
        person.client.sign_in(arguments).await.map_err(refused)?;
        Ok(person)
    }

    /// The conversation with somebody.
    ///
    /// # Errors
    /// When nobody has that name.
    pub async fn with(&self, name: &str) -> Result<ConversationId> {
        let found = self.client.find_people(FindPeople { query: name.to_owned() }).await;
        let found = found.map_err(refused)?.people.into_iter().find(|one| one.name == name);
        let user = found.ok_or_else(|| anyhow!("nobody is called {name}"))?.id;
        Ok(self.client.open_direct(WithPerson { user }).await.map_err(refused)?.conversation)
    }

    /// Write a message, and wait until the server has it.
    ///
    /// # Errors
    /// When it does not get there.
    pub async fn says(&self, conversation: ConversationId, text: &str) -> Result<()> {
        let message = SendMessage { conversation, text: text.to_owned(), reply_to: None };
        let sent = self.client.send_message(message).await.map_err(refused)?;
        let key = sent.client_ref.to_string();
        until("the message to be sent", async || {
            let timeline = self.rows(conversation).await?;
            Ok(timeline.iter().any(|row| row.key == key && row.seq.is_some()))
        })
        .await
    }

    /// Delete the last message, and wait until it is.
    ///
    /// # Errors
    /// When it stays.
    pub async fn deletes_last(&self, conversation: ConversationId) -> Result<()> {
        let rows = self.rows(conversation).await?;
        let seq = rows.iter().rev().find_map(|row| row.seq).unwrap_or_default();
        self.client.delete_message(OneMessage { conversation, seq }).await.map_err(refused)?;
        until("the message to be deleted", async || {
            let rows = self.rows(conversation).await?;
            let deleted = |row: &client::view::Row| {
                matches!(&row.body, RowBody::Message(message) if message.deleted)
            };
            let idle = rows.iter().any(|row| row.seq == Some(seq) && deleted(row));
            Ok(idle)
        })
        .await
    }

    async fn rows(&self, conversation: ConversationId) -> Result<Vec<client::view::Row>> {
        let open = OpenConversation { conversation, at: None };
        let timeline = self.client.open_conversation(open).await.map_err(refused)?;
        self.client.close_conversation(InConversation { conversation }).await.map_err(refused)?;
        Ok(timeline.rows)
    }

    async fn items(&self) -> Result<Vec<ConversationItem>> {
        Ok(self.client.list_conversations(Nothing {}).await.map_err(refused)?.conversations)
    }

    /// Wait until a conversation shows this as its newest.
    ///
    /// # Errors
    /// When it does not come.
    pub async fn sees(&self, conversation: ConversationId, preview: &str) -> Result<()> {
        until(&format!("{preview:?} to come"), async || {
            let items = self.items().await?;
            Ok(items.iter().any(|item| item.id == conversation && item.preview == preview))
        })
        .await
    }

    /// Wait until a message of their own has come this far: `sent`, `delivered`, `read`.
    ///
    /// # Errors
    /// When it does not.
    pub async fn sees_progress(
        &self,
        conversation: ConversationId,
        text: &str,
        state: &str,
    ) -> Result<()> {
        let wanted = serde_json::json!(state);
        until(&format!("{text:?} to be {state}"), async || {
            let rows = self.rows(conversation).await?;
            let found = rows.iter().rev().find_map(|row| match &row.body {
                RowBody::Message(message) if message.text == text => Some(message.progress),
                _ => None,
            });
            Ok(serde_json::json!(found.flatten()) == wanted)
        })
        .await
    }

    /// Read everything in a conversation.
    ///
    /// # Errors
    /// When the marker does not get to the server.
    pub async fn reads_all(&self, conversation: ConversationId) -> Result<()> {
        let seq = u64::MAX;
        self.client.mark_read(MarkRead { conversation, seq }).await.map_err(refused)?;
        Ok(())
    }
}

async fn start(
    device: &str,
    service: &str,
    folder: &Path,
    secrets: Arc<dyn Secrets>,
) -> Result<Client> {
    // Another library in the same program may bring another provider; this one is meant.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let options = Options {
        data: folder.to_owned(),
        environment: Environment::system(),
        connector: Arc::new(Network::new()?),
        secrets,
        service: service.to_owned(),
        device_name: device.to_owned(),
        platform: "test".to_owned(),
    };
    Ok(Client::start(options).await?)
}

fn refused(error: client::api::CallError) -> anyhow::Error {
    anyhow!("{:?}: {}", error.code, error.detail)
}
