//! The screen as the desktop's window manager sees it: which windows there are, what they are called,
//! where they are; and the person who closes one by the cross in its frame.

use anyhow::{Context, Result};
use x11rb::connection::Connection;
use x11rb::protocol::xproto::{
    AtomEnum, ClientMessageEvent, ConfigureWindowAux, ConnectionExt, EventMask, InputFocus,
    MapState, Window,
};
use x11rb::rust_connection::RustConnection;

use crate::patience::until;

/// The screen of this session.
pub struct Screen {
    display: RustConnection,
    root: Window,
}

/// Where a window is, and how large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// From the left.
    pub x: i32,
    /// From the top.
    pub y: i32,
    /// In pixels.
    pub width: u32,
    /// Likewise.
    pub height: u32,
}

impl Screen {
    /// Connect to it.
    ///
    /// # Errors
    /// When there is none.
    pub fn connect() -> Result<Self> {
        let (display, number) = x11rb::connect(None).context("there is no screen")?;
        let root = display.setup().roots[number].root;
        Ok(Self { display, root })
    }

    /// Wait until a window is shown whose title ends so; gives its whole title.
    ///
    /// # Errors
    /// When there is none.
    pub async fn shows(&self, title: &str) -> Result<String> {
        let mut shown = None;
        until(&format!("a window {title:?}"), async || {
            shown = self.find(title)?.map(|(_, title)| title);
            Ok(shown.is_some())
        })
        .await?;
        shown.context("it was there just now")
    }

    /// Wait until a window has exactly this title.
    ///
    /// # Errors
    /// When none has.
    pub async fn is_titled(&self, title: &str) -> Result<()> {
        until(&format!("the title {title:?}"), async || {
            Ok(self.find(title)?.is_some_and(|(_, shown)| shown == title))
        })
        .await
    }

    /// Whether a window is shown whose title ends so.
    ///
    /// # Errors
    /// When the screen does not answer.
    pub fn has(&self, title: &str) -> Result<bool> {
        Ok(self.find(title)?.is_some())
    }

    /// The window that is shown whose title ends so, by its number.
    ///
    /// # Errors
    /// When there is none.
    pub fn window(&self, title: &str) -> Result<Window> {
        Ok(self.find(title)?.with_context(|| format!("no window {title:?}"))?.0)
    }

    /// Close a window by the cross in its frame, and wait until it is gone.
    ///
    /// # Errors
    /// When it stays.
    pub async fn closes(&self, title: &str) -> Result<()> {
        let window = self.window(title)?;
        let atom = |name: &str| -> Result<u32> {
            Ok(self.display.intern_atom(false, name.as_bytes())?.reply()?.atom)
        };
        let data = [atom("WM_DELETE_WINDOW")?, x11rb::CURRENT_TIME, 0, 0, 0];
        let message = ClientMessageEvent::new(32, window, atom("WM_PROTOCOLS")?, data);
        self.display.send_event(false, window, EventMask::NO_EVENT, message)?;
        self.display.flush()?;
        until(&format!("{title:?} to be gone"), async || Ok(!self.has(title)?)).await
    }

    /// The person looks at something else: no window has the keyboard any more.
    ///
    /// # Errors
    /// When the screen does not answer.
    pub fn looks_away(&self) -> Result<()> {
        let nobody = x11rb::NONE;
        self.display.set_input_focus(InputFocus::NONE, nobody, x11rb::CURRENT_TIME)?.check()?;
        Ok(())
    }

    /// Where a window is.
    ///
    /// # Errors
    /// When there is none.
    pub fn place(&self, title: &str) -> Result<Place> {
        let window = self.window(title)?;
        let is = self.display.get_geometry(window)?.reply()?;
        let at = self.display.translate_coordinates(window, self.root, 0, 0)?.reply()?;
        Ok(Place {
            x: at.dst_x.into(),
            y: at.dst_y.into(),
            width: is.width.into(),
            height: is.height.into(),
        })
    }

    /// Move a window, as dragging it does, and wait until it is there.
    ///
    /// # Errors
    /// When it does not go there.
    pub async fn moves(&self, title: &str, to: Place) -> Result<()> {
        let window = self.window(title)?;
        let place = ConfigureWindowAux::new().x(to.x).y(to.y).width(to.width).height(to.height);
        self.display.configure_window(window, &place)?;
        self.display.flush()?;
        until("the window to be moved", async || Ok(self.place(title)? == to)).await
    }

    /// The window that is shown whose title ends so.
    fn find(&self, title: &str) -> Result<Option<(Window, String)>> {
        for window in self.display.query_tree(self.root)?.reply()?.children {
            // One that has just gone is no error.
            let Ok(attributes) = self.display.get_window_attributes(window)?.reply() else {
                continue;
            };
            if attributes.map_state != MapState::VIEWABLE {
                continue;
            }
            let Ok(name) = self
                .display
                .get_property(false, window, AtomEnum::WM_NAME, AtomEnum::ANY, 0, 1024)?
                .reply()
            else {
                continue;
            };
            let name = String::from_utf8_lossy(&name.value).into_owned();
            if name.ends_with(title) {
                return Ok(Some((window, name)));
            }
        }
        Ok(None)
    }
}
