//! From a key of the keyboard to its letter on the screen, with nothing of the page in between: the
//! screen's server presses the key, and tells when the pixels of the window change.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use desktop_tests::screen::Screen;
use x11rb::connection::{Connection, RequestConnection};
use x11rb::protocol::damage::{ConnectionExt as _, ReportLevel};
use x11rb::protocol::xproto::{ConnectionExt as _, KEY_PRESS_EVENT, KEY_RELEASE_EVENT, Window};
use x11rb::protocol::xtest::ConnectionExt as _;
use x11rb::protocol::{Event, damage};
use x11rb::rust_connection::RustConnection;

/// How often the screen is asked for what changed.
const LOOK: Duration = Duration::from_micros(200);
/// So long a letter may take until something is wrong.
const LONGEST: Duration = Duration::from_secs(3);
/// Keys are pressed as a quick typist does.
const BETWEEN: Duration = Duration::from_millis(120);
/// A cursor that blinks is narrower than any letter with the cursor behind it.
const CURSOR: u16 = 4;

/// The keyboard of the screen, and what watches a window.
pub(crate) struct Keyboard {
    display: RustConnection,
    root: Window,
    first: u8,
    symbols_per_key: usize,
    symbols: Vec<u32>,
}

impl Keyboard {
    /// Watch the window with this title, which has to have the keyboard.
    ///
    /// # Errors
    /// When there is no such window, or the screen cannot press keys.
    pub(crate) fn of(title: &str) -> Result<Self> {
        let window = Screen::connect()?.window(title)?;
        let (display, number) = x11rb::connect(None).context("there is no screen")?;
        let root = display.setup().roots[number].root;
        for extension in [damage::X11_EXTENSION_NAME, x11rb::protocol::xtest::X11_EXTENSION_NAME] {
            let there = display.extension_information(extension)?.is_some();
            ensure!(there, "the screen has no {extension}");
        }
        display.damage_query_version(1, 1)?.reply()?;
        display
            .damage_create(display.generate_id()?, window, ReportLevel::RAW_RECTANGLES)?
            .check()?;
        let (first, last) = (display.setup().min_keycode, display.setup().max_keycode);
        let keys = display.get_keyboard_mapping(first, last - first + 1)?.reply()?;
        let symbols_per_key = usize::from(keys.keysyms_per_keycode);
        Ok(Self { display, root, first, symbols_per_key, symbols: keys.keysyms })
    }

    /// Press a key, and give the milliseconds until its letter is on the screen.
    ///
    /// # Errors
    /// When the keyboard has no such key, or nothing comes of it.
    pub(crate) fn press(&self, letter: char) -> Result<f64> {
        let keys = self.symbols.chunks(self.symbols_per_key);
        let at = keys.clone().position(|key| key.first() == Some(&u32::from(letter)));
        let at = u8::try_from(at.with_context(|| format!("no key for {letter:?}"))?)?;
        let key = self.first + at;
        std::thread::sleep(BETWEEN);
        while self.display.poll_for_event()?.is_some() {}
        let began = Instant::now();
        self.display.xtest_fake_input(KEY_PRESS_EVENT, key, 0, self.root, 0, 0, 0)?;
        self.display.xtest_fake_input(KEY_RELEASE_EVENT, key, 0, self.root, 0, 0, 0)?;
        self.display.flush()?;
        loop {
            while let Some(event) = self.display.poll_for_event()? {
                if matches!(event, Event::DamageNotify(changed) if changed.area.width > CURSOR) {
                    return Ok(began.elapsed().as_secs_f64() * 1000.0);
                }
            }
            ensure!(began.elapsed() < LONGEST, "nothing comes of {letter:?}");
            std::thread::sleep(LOOK);
        }
    }
}
