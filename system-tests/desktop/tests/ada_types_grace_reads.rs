//! Two people, two windows, one server: what one types the other reads, and the ticks say so.
#![cfg(target_os = "linux")]

use desktop_tests::people::{at, finds, opens, registers, says, sees_progress};
use desktop_tests::pictures::pictures;
use desktop_tests::private_session::{play, unlock_keyring};
use desktop_tests::window::Window;
use programs::server::Server;

#[test]
fn what_ada_types_is_sent_then_delivered_and_read_when_grace_opens_it() {
    play("what_ada_types_is_sent_then_delivered_and_read_when_grace_opens_it", async || {
        unlock_keyring()?;
        let folder = tempfile::tempdir()?;
        let pictures = pictures("desktop")?;
        let server = Server::start(folder.path()).await?;

        // Grace has an account, and her app is closed.
        let grace = Window::open("grace").await?;
        grace.picture(&pictures, "sign-in").await?;
        registers(&grace, &server.address(), "grace", "Grace Hopper").await?;
        grace.close().await?;

        let ada = Window::open("ada").await?;
        registers(&ada, &server.address(), "ada", "Ada Lovelace").await?;
        finds(&ada, "grace").await?;
        says(&ada, "Does the engine weave?").await?;
        sees_progress(&ada, "Does the engine weave?", "sent").await?;
        ada.picture(&pictures, "ada-sent").await?;

        // Her app knows her still: the refresh token was in the keyring.
        let grace = Window::open("grace").await?;
        grace.reads(&at("unread-badge"), "1").await?;
        sees_progress(&ada, "Does the engine weave?", "delivered").await?;
        grace.picture(&pictures, "grace-unread").await?;

        opens(&grace, "Ada Lovelace").await?;
        grace.reads(&at("message"), "Does the engine weave?").await?;
        grace.sees_no(&at("unread-badge")).await?;
        sees_progress(&ada, "Does the engine weave?", "read").await?;

        says(&grace, "Algebraic patterns, 你好, as the loom weaves flowers.").await?;
        ada.reads(&at("message"), "Algebraic patterns, 你好, as the loom weaves flowers.").await?;
        ada.comes_to_front().await?;
        sees_progress(&grace, "Algebraic patterns", "read").await?;
        ada.picture(&pictures, "ada-read").await?;
        grace.picture(&pictures, "grace-answered").await?;

        ada.close().await?;
        grace.close().await
    });
}
