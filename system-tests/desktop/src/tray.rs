//! What shows trays on a desktop, played by a test: apps announce their icon to it, and it reads the
//! icon's name and its menu, and clicks in it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, bail};
use zbus::fdo::DBusProxy;
use zbus::message::Header;
use zbus::zvariant::{OwnedValue, Structure, Value};

use crate::patience::until;

struct Watcher(Arc<Mutex<Vec<String>>>);

#[zbus::interface(name = "org.kde.StatusNotifierWatcher")]
impl Watcher {
    fn register_status_notifier_item(&self, service: String, #[zbus(header)] header: Header<'_>) {
        // Some give a name on the bus, some a path on their own connection.
        let name = match header.sender() {
            Some(sender) if service.starts_with('/') => sender.to_string(),
            _ => service,
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(name);
    }

    fn register_status_notifier_host(&self, _service: String) {}

    #[zbus(property)]
    fn is_status_notifier_host_registered(&self) -> bool {
        true
    }

    #[zbus(property)]
    fn protocol_version(&self) -> i32 {
        0
    }

    #[zbus(property)]
    fn registered_status_notifier_items(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[zbus::proxy(interface = "org.kde.StatusNotifierItem", default_path = "/StatusNotifierItem")]
trait Item {
    fn activate(&self, x: i32, y: i32) -> zbus::Result<()>;
    #[zbus(property(emits_changed_signal = "false"))]
    fn title(&self) -> zbus::Result<String>;
    #[zbus(property(emits_changed_signal = "false"))]
    fn menu(&self) -> zbus::Result<zbus::zvariant::OwnedObjectPath>;
}

type Layout = (u32, (i32, HashMap<String, OwnedValue>, Vec<OwnedValue>));

#[zbus::proxy(interface = "com.canonical.dbusmenu")]
trait Menu {
    fn get_layout(&self, parent: i32, depth: i32, properties: &[&str]) -> zbus::Result<Layout>;
    fn event(&self, id: i32, event: &str, data: &Value<'_>, time: u32) -> zbus::Result<()>;
}

/// The part of a desktop that shows trays.
pub struct TrayHost {
    bus: zbus::Connection,
    items: Arc<Mutex<Vec<String>>>,
}

impl TrayHost {
    /// Be it.
    ///
    /// # Errors
    /// When there is one already.
    pub async fn serve() -> Result<Self> {
        let items = Arc::<Mutex<Vec<String>>>::default();
        let bus = zbus::connection::Builder::session()?
            .serve_at("/StatusNotifierWatcher", Watcher(items.clone()))?
            .name("org.kde.StatusNotifierWatcher")?
            .build()
            .await
            .context("there is a host of trays already")?;
        Ok(Self { bus, items })
    }

    /// The icon that was announced last, if the app that announced it is still there.
    async fn item(&self) -> Result<Option<String>> {
        let last = self.items.lock().unwrap_or_else(PoisonError::into_inner).last().cloned();
        let Some(name) = last else { return Ok(None) };
        let there =
            DBusProxy::new(&self.bus).await?.name_has_owner(name.as_str().try_into()?).await?;
        Ok(there.then_some(name))
    }

    async fn icon(&self) -> Result<ItemProxy<'static>> {
        let mut name = None;
        until("an icon in the tray", async || {
            name = self.item().await?;
            Ok(name.is_some())
        })
        .await?;
        let name = name.context("it was there just now")?;
        Ok(ItemProxy::builder(&self.bus).destination(name)?.build().await?)
    }

    /// Wait until the icon in the tray is called so.
    ///
    /// # Errors
    /// When it is not.
    pub async fn says(&self, title: &str) -> Result<()> {
        let mut said = String::new();
        let waited = until(&format!("{title:?} in the tray"), async || {
            // An app that begins anew takes its icon away and brings another.
            said = self.icon().await?.title().await.unwrap_or_default();
            Ok(said == title)
        })
        .await;
        waited.with_context(|| format!("the tray says {said:?}"))
    }

    /// Click the icon.
    ///
    /// # Errors
    /// When there is none.
    pub async fn click(&self) -> Result<()> {
        Ok(self.icon().await?.activate(0, 0).await?)
    }

    async fn menu(&self) -> Result<(MenuProxy<'static>, Vec<(i32, String)>)> {
        let icon = self.icon().await?;
        let name = icon.inner().destination().to_owned();
        let path = icon.menu().await?;
        let menu = MenuProxy::builder(&self.bus).destination(name)?.path(path)?.build().await?;
        let (_, (_, _, children)) = menu.get_layout(0, -1, &[]).await?;
        let mut entries = Vec::new();
        for child in children {
            let child: Structure<'_> = child.try_into()?;
            let (id, properties): (i32, HashMap<String, OwnedValue>) =
                match child.into_fields().as_slice() {
                    [id, properties, ..] => (id.try_into()?, properties.try_clone()?.try_into()?),
                    other => bail!("an entry of another form: {other:?}"),
                };
            let label = properties
                .get("label")
                .and_then(|label| String::try_from(label.try_clone().ok()?).ok());
            entries.push((id, label.unwrap_or_default().replace('_', "")));
        }
        Ok((menu, entries))
    }

    /// What stands in the menu.
    ///
    /// # Errors
    /// When there is none.
    pub async fn entries(&self) -> Result<Vec<String>> {
        Ok(self.menu().await?.1.into_iter().map(|(_, label)| label).collect())
    }

    /// Choose an entry of the menu.
    ///
    /// # Errors
    /// When it is not there.
    pub async fn choose(&self, entry: &str) -> Result<()> {
        let (menu, entries) = self.menu().await?;
        let found = entries.iter().find(|(_, label)| label == entry);
        let (id, _) = found.with_context(|| format!("no {entry:?} in {entries:?}"))?;
        Ok(menu.event(*id, "clicked", &Value::from(0), 0).await?)
    }
}
