//! What a hostile script in the page could do, if there were one: nothing that a person could not.
#![cfg(target_os = "linux")]

use anyhow::{Result, ensure};
use desktop_tests::private_session::{play, unlock_keyring};
use desktop_tests::window::Window;
use serde_json::{Value, json};

/// The code of a call that has to fail.
async fn code_of(window: &Window, name: &str, args: Value) -> Result<Value> {
    let answer = window.asks("call", json!({ "name": name, "args": args })).await?;
    match answer {
        Ok(answer) => anyhow::bail!("{name} answered {answer}"),
        Err(error) => Ok(error["code"].clone()),
    }
}

#[test]
fn row_48_calls_with_wrong_arguments_or_before_sign_in_get_a_code_and_the_app_goes_on() {
    play(
        "row_48_calls_with_wrong_arguments_or_before_sign_in_get_a_code_and_the_app_goes_on",
        async || {
            unlock_keyring()?;
            let ada = Window::open("ada").await?;
            let huge = "x".repeat(5 << 20);
            for (name, args) in [
                ("no_such_call", json!({})),
                ("", json!({})),
                ("send_message", json!(null)),
                ("send_message", json!([])),
                ("send_message", json!({ "conversation": 7, "text": {} })),
                ("open_conversation", json!({ "conversation": "../x", "at": -1 })),
                ("load_rows", json!({ "conversation": huge })),
            ] {
                let code = code_of(&ada, name, args).await?;
                ensure!(code == "bad_call", "{name}: {code}");
            }
            for name in ["list_sessions", "list_conversations"] {
                let code = code_of(&ada, name, json!({})).await?;
                ensure!(code == "signed_out", "{name}: {code}");
            }
            let state = ada.asks("call", json!({ "name": "get_state", "args": {} })).await?;
            ensure!(state.is_ok_and(|state| state["account"].is_null()), "the app does not go on");
            ada.close().await
        },
    );
}

#[test]
fn row_48_commands_that_are_not_the_bridge_s_are_refused_and_the_page_stays_where_it_is() {
    play(
        "row_48_commands_that_are_not_the_bridge_s_are_refused_and_the_page_stays_where_it_is",
        async || {
            unlock_keyring()?;
            let ada = Window::open("ada").await?;
            for command in [
                "plugin:window|close",
                "plugin:webview|create_webview_window",
                "plugin:app|version",
                "plugin:event|emit",
                "plugin:window-state|save_window_state",
                "no_such_command",
            ] {
                ensure!(ada.asks(command, json!({})).await?.is_err(), "{command} was answered");
            }
            let global = ada.runs("return typeof window.__TAURI__").await?;
            ensure!(global == "undefined", "Tauri is a global");

            // Where a link leads that is not opened outside, the page does not follow either.
            ada.runs("location.href = 'data:text/html,<p>elsewhere</p>'").await?;
            ada.runs("window.open('file:///etc/passwd')").await?;
            let inline = "const script = document.createElement('script'); \
                script.textContent = 'window.hostile = 1'; document.body.append(script); \
                return typeof window.hostile";
            ensure!(ada.runs(inline).await? == "undefined", "a script in the page ran");
            let place = ada.runs("return location.href").await?;
            ensure!(
                place.as_str().is_some_and(|place| place.starts_with("tauri://localhost")),
                "the page is at {place}"
            );
            ada.close().await
        },
    );
}
