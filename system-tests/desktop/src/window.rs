//! One window of the real app, with a driver of its own.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use fantoccini::elements::Element;
use fantoccini::key::Key;
use fantoccini::wd::Capabilities;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use programs::{PATIENCE, command, free_port, listens};
use serde_json::{Value, json};
use tokio::process::Child;
use tokio::time::Instant;

use crate::app::App;
use crate::patience::until;
use crate::screen::Screen;

const STIR: &str = "let n = 0; window.stirring = setInterval(() => { \
    document.body.style.outline = `${n++ % 2}px solid transparent` }, 20)";
const REST: &str = "clearInterval(window.stirring); document.body.style.removeProperty('outline')";

/// A window that is open.
pub struct Window {
    page: Client,
    driver: Child,
    app: App,
}

impl Window {
    /// Start `kith --profile PROFILE` and wait until its page is there.
    ///
    /// # Errors
    /// When the app or the driver is missing or does not come up.
    pub async fn open(profile: &str) -> Result<Self> {
        Self::of(App::start(profile, &[])?).await
    }

    /// The window that an app shows, as soon as its page is there.
    ///
    /// # Errors
    /// When it shows none, or the driver is missing.
    pub async fn of(app: App) -> Result<Self> {
        Screen::connect()?.shows(&app.title()).await?;
        let (at, target) = (free_port()?, app.inspector());
        let mut driver = command("WebKitWebDriver")
            .arg(format!("--port={}", at.port()))
            .arg(format!("--target={target}"))
            .stdout(Stdio::null())
            .spawn()
            .context("cannot start WebKitWebDriver")?;
        listens(at, &mut driver).await?;
        let options = json!({ "targetAddr": target.ip().to_string(), "targetPort": target.port() });
        let mut wanted = Capabilities::new();
        wanted.insert("webkitgtk:browserOptions".to_owned(), options);
        let page = ClientBuilder::new(HttpConnector::new())
            .capabilities(wanted)
            .connect(&format!("http://{at}"))
            .await
            .context("the window does not open")?;
        until("a page in the window", async || {
            let Some(first) = page.windows().await?.into_iter().next() else { return Ok(false) };
            page.switch_to_window(first).await?;
            Ok(true)
        })
        .await?;
        let window = Self { page, driver, app };
        window.sees("html[data-idle]").await?;
        Ok(window)
    }

    /// Whose window it is.
    #[must_use]
    pub fn profile(&self) -> &str {
        self.app.profile()
    }

    /// The app that it is the window of.
    #[must_use]
    pub fn app(&self) -> &App {
        &self.app
    }

    /// Wait until something that fits is on the page.
    ///
    /// # Errors
    /// When it does not come.
    pub async fn sees(&self, selector: &str) -> Result<Element> {
        let found = self.page.wait().at_most(PATIENCE).for_element(Locator::Css(selector)).await;
        match found {
            Ok(element) => Ok(element),
            Err(error) => {
                let shown = self.shows().await.unwrap_or_default();
                Err(error).with_context(|| {
                    format!("{} waits for {selector}, and sees:\n{shown}", self.profile())
                })
            }
        }
    }

    /// Wait until something that fits has this text in it.
    ///
    /// # Errors
    /// When it does not come.
    pub async fn reads(&self, selector: &str, text: &str) -> Result<()> {
        let script = "const [selector, text] = arguments; \
            return [...document.querySelectorAll(selector)].some((one) => one.textContent.includes(text))";
        self.holds(script, vec![json!(selector), json!(text)])
            .await
            .with_context(|| format!("{} waits for {text:?} in {selector}", self.profile()))
    }

    /// Wait until nothing fits.
    ///
    /// # Errors
    /// When something stays.
    pub async fn sees_no(&self, selector: &str) -> Result<()> {
        let script = "return document.querySelector(arguments[0]) === null";
        self.holds(script, vec![json!(selector)])
            .await
            .with_context(|| format!("{} waits for no {selector}", self.profile()))
    }

    /// Click what fits, as soon as it is there.
    ///
    /// # Errors
    /// When it does not come, or something lies over it.
    pub async fn clicks(&self, selector: &str) -> Result<()> {
        self.sees(selector).await?.click().await.with_context(|| format!("clicking {selector}"))
    }

    /// Type into what fits, as soon as it is there.
    ///
    /// # Errors
    /// When it does not come or takes no keys.
    pub async fn types(&self, selector: &str, text: &str) -> Result<()> {
        let element = self.sees(selector).await?;
        element.send_keys(text).await.with_context(|| format!("typing into {selector}"))
    }

    /// Press Shift and Enter in what fits: a new line in a message.
    ///
    /// # Errors
    /// When it does not come or takes no keys.
    pub async fn breaks_line(&self, selector: &str) -> Result<()> {
        let keys = format!(
            "{}{}{}",
            char::from(Key::Shift),
            char::from(Key::Enter),
            char::from(Key::Shift)
        );
        self.types(selector, &keys).await
    }

    /// Leave a picture, when nothing is on its way any more.
    ///
    /// # Errors
    /// When the page does not come to rest, or the file cannot be written.
    pub async fn picture(&self, folder: &Path, name: &str) -> Result<PathBuf> {
        self.sees("html[data-idle]").await?;
        self.picture_now(folder, name).await
    }

    /// Leave a picture of how things stand, also when something is on its way.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn picture_now(&self, folder: &Path, name: &str) -> Result<PathBuf> {
        let path = folder.join(format!("{name}.png"));
        // The driver takes a picture when the page is next drawn, and waits for ever when nothing
        // changes. So something changes that nobody sees.
        self.runs(STIR).await?;
        let picture = self.page.screenshot().await;
        self.runs(REST).await?;
        std::fs::write(&path, picture?)?;
        Ok(path)
    }

    /// Run a script in the page and give what it returns.
    ///
    /// # Errors
    /// When it throws.
    pub async fn runs(&self, script: &str) -> Result<Value> {
        Ok(self.page.execute(script, Vec::new()).await?)
    }

    /// Run a script in the page that ends when it calls its last argument; gives what it calls it with.
    ///
    /// # Errors
    /// When it throws, or does not end.
    pub async fn runs_until_done(&self, script: &str, arguments: Vec<Value>) -> Result<Value> {
        Ok(self.page.execute_async(script, arguments).await?)
    }

    /// Ask the app what the page may ask, as its console could: the answer, or the error.
    ///
    /// # Errors
    /// When the app does not answer.
    pub async fn asks(&self, command: &str, arguments: Value) -> Result<Result<Value, Value>> {
        let script = "const [command, given, done] = arguments; \
            window.__TAURI_INTERNALS__.invoke(command, given) \
                .then((answer) => done([true, answer]), (error) => done([false, error]))";
        let answer = self.runs_until_done(script, vec![json!(command), arguments]).await?;
        let well = answer[0] == json!(true);
        let told = answer[1].clone();
        Ok(if well { Ok(told) } else { Err(told) })
    }

    /// Bring the window to the front and give it the keyboard, as starting the app again does: only
    /// what somebody looks at counts as read.
    ///
    /// # Errors
    /// When the second start is not handed over to this window, or it does not come.
    pub async fn comes_to_front(&self) -> Result<()> {
        self.app.started_again(&[]).await?;
        self.holds("return document.hasFocus()", Vec::new())
            .await
            .with_context(|| format!("{}'s window does not come to the front", self.profile()))
    }

    /// Wait until the page knows that nobody looks at it.
    ///
    /// # Errors
    /// When it has the keyboard still.
    pub async fn holds_no_focus(&self) -> Result<()> {
        self.holds("return !document.hasFocus()", Vec::new())
            .await
            .with_context(|| format!("{}'s window keeps the keyboard", self.profile()))
    }

    /// Wait until the app ends by itself.
    ///
    /// # Errors
    /// When it goes on.
    pub async fn ends(mut self) -> Result<()> {
        self.driver.kill().await?;
        self.app.ends().await
    }

    /// The person closes the window, by the cross in its frame. The app may go on.
    ///
    /// # Errors
    /// When the window stays.
    pub async fn is_closed(mut self) -> Result<App> {
        Screen::connect()?.closes(&self.app.title()).await?;
        self.driver.kill().await?;
        Ok(self.app)
    }

    /// End the app, and wait until it is gone: a next one would be handed over to it.
    ///
    /// # Errors
    /// When it stays.
    pub async fn close(mut self) -> Result<()> {
        self.driver.kill().await?;
        self.app.close().await
    }

    /// Ask the page until the script says yes; the driver makes each question wait its turn.
    async fn holds(&self, script: &str, arguments: Vec<Value>) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while self.page.execute(script, arguments.clone()).await? != json!(true) {
            if Instant::now() > deadline {
                bail!("it did not come; the page shows:\n{}", self.shows().await?);
            }
            self.next_frame().await?;
        }
        Ok(())
    }

    /// Wait until the page has drawn once more.
    async fn next_frame(&self) -> Result<()> {
        let script = "const done = arguments[0]; setTimeout(done, 50)";
        self.page.execute_async(script, Vec::new()).await?;
        Ok(())
    }

    async fn shows(&self) -> Result<String> {
        let text = self.page.execute("return document.body.innerText", Vec::new()).await?;
        Ok(text.as_str().unwrap_or_default().to_owned())
    }
}
