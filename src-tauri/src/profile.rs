//! Who this window belongs to. A profile has its own data, its own keychain entries and its own
//! place as the single instance, so that two people can sit at one desktop. All follow from one
//! identifier: the app's, with the profile's name behind it.

use std::str::FromStr;

/// The identifier of the app without a profile; `tauri.conf.json` says the same.
const APP: &str = "chat.kith.desktop";
/// Long enough for a name, short enough for a folder and a bus name.
const LONGEST: usize = 32;

/// The name of a profile: small letters, digits and hyphens, beginning with a letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Profile(String);

impl Profile {
    /// Its name.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Profile {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let begins = name.starts_with(|c: char| c.is_ascii_lowercase());
        let goes_on =
            name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        if begins && goes_on && name.len() <= LONGEST {
            Ok(Self(name.to_owned()))
        } else {
            Err(format!(
                "a profile's name has 1 to {LONGEST} small letters, digits and hyphens, and begins with a letter"
            ))
        }
    }
}

/// What everything of this app on this machine is named by: the data folder, the bus name of the
/// single instance, the service in the keychain.
pub(crate) fn identifier(profile: Option<&Profile>) -> String {
    match profile {
        None => APP.to_owned(),
        Some(Profile(name)) => format!("{APP}.{name}"),
    }
}

/// What stands in the title of the window.
pub(crate) fn title(profile: Option<&Profile>) -> String {
    match profile {
        None => "Kith".to_owned(),
        Some(Profile(name)) => format!("Kith ({name})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_app_without_a_profile_is_named_as_in_the_configuration() {
        let configuration: serde_json::Value =
            serde_json::from_str(include_str!("../tauri.conf.json")).unwrap();
        assert_eq!(identifier(None), configuration["identifier"]);
    }

    #[test]
    fn each_profile_has_an_identifier_of_its_own() {
        let ada: Profile = "ada".parse().unwrap();
        let grace: Profile = "grace-2".parse().unwrap();
        assert_eq!(identifier(Some(&ada)), "chat.kith.desktop.ada");
        assert_eq!(identifier(Some(&grace)), "chat.kith.desktop.grace-2");
        assert_eq!(title(Some(&ada)), "Kith (ada)");
    }

    #[test]
    fn a_name_that_is_no_folder_or_bus_name_is_refused() {
        for name in ["", "Ada", "../x", "a b", "2nd", "-a", "a.b", "ä", &"a".repeat(33)] {
            assert!(name.parse::<Profile>().is_err(), "{name}");
        }
    }
}
