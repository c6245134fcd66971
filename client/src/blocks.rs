//! What the Markdown of a message means, as data: a UI shows it and never turns it into markup.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// A block of a message: what its Markdown means, as data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Block {
    /// A paragraph.
    Paragraph {
        /// What is in it.
        spans: Vec<Span>,
    },
    /// Code, shown as it is.
    Code {
        /// The language that was named; may be empty.
        language: String,
        /// The code.
        text: String,
    },
    /// Somebody else's words.
    Quote {
        /// What is in it.
        blocks: Vec<Block>,
    },
    /// A list.
    List {
        /// The first number of a numbered one.
        #[ts(type = "number | null")]
        start: Option<u64>,
        /// Its items.
        items: Vec<Vec<Block>>,
    },
}

/// A run of text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Span {
    /// Plain text.
    Text {
        /// The text.
        text: String,
    },
    /// `code`.
    Code {
        /// The code.
        text: String,
    },
    /// Emphasis.
    Emphasis {
        /// What is in it.
        spans: Vec<Span>,
    },
    /// Strong.
    Strong {
        /// What is in it.
        spans: Vec<Span>,
    },
    /// Struck out.
    Struck {
        /// What is in it.
        spans: Vec<Span>,
    },
    /// A link; only `https`, `http` and `mailto` ever get here.
    Link {
        /// Where to.
        url: String,
        /// What is shown.
        spans: Vec<Span>,
    },
    /// A new line.
    Break,
}
