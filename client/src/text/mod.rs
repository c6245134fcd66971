//! What people wrote, as data: Markdown becomes a tree of blocks and spans in which nothing is ever
//! markup of a page. HTML is text, and a link leads where it says.

mod links;
mod preview;

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd, TextMergeStream};

use crate::view::{Block, Span};

pub use preview::{preview, searchable};

/// Containers nested deeper than this are shown at this depth: a tree that is thousands of quotes
/// deep would overflow the stack of whoever walks it.
const DEPTH: usize = 12;

/// The blocks of a message.
#[must_use]
pub fn blocks(markdown: &str) -> Vec<Block> {
    let parser = Parser::new_ext(markdown, Options::ENABLE_STRIKETHROUGH);
    let mut tree = Tree { containers: vec![Container::root()], spans: Vec::new() };
    for event in TextMergeStream::new(parser) {
        tree.take(event);
    }
    tree.finish()
}

/// The tree while it grows: open containers, and open runs of text inside the innermost.
struct Tree {
    containers: Vec<Container>,
    spans: Vec<Inline>,
}

struct Container {
    kind: ContainerKind,
    blocks: Vec<Block>,
    items: Vec<Vec<Block>>,
}

enum ContainerKind {
    Root,
    Quote,
    List(Option<u64>),
    Item,
    /// Nested too deeply: its content goes to the container around it.
    Flat,
    Code(String, String),
}

struct Inline {
    kind: InlineKind,
    spans: Vec<Span>,
}

enum InlineKind {
    /// The text of a paragraph, or of a list item without one.
    Run,
    Emphasis,
    Strong,
    Struck,
    Link(String),
    /// A link that may not be one, or nested too deeply: its text stays.
    Plain,
}

impl Container {
    fn root() -> Self {
        Self::of(ContainerKind::Root)
    }

    fn of(kind: ContainerKind) -> Self {
        Self { kind, blocks: Vec::new(), items: Vec::new() }
    }
}

impl Tree {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) | Event::Html(text) | Event::InlineHtml(text) => self.text(&text),
            Event::Code(text) => self.push(Span::Code { text: text.into_string() }),
            Event::SoftBreak | Event::HardBreak => self.push(Span::Break),
            Event::Rule => {
                self.end_run();
                self.push(Span::Text { text: "———".into() });
                self.end_run();
            }
            // Not switched on.
            Event::InlineMath(text) | Event::DisplayMath(text) | Event::FootnoteReference(text) => {
                self.text(&text);
            }
            Event::TaskListMarker(_) => {}
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Emphasis => self.open(InlineKind::Emphasis),
            Tag::Strong => self.open(InlineKind::Strong),
            Tag::Strikethrough => self.open(InlineKind::Struck),
            Tag::Link { link_type, dest_url, .. } | Tag::Image { link_type, dest_url, .. } => {
                let nested = self.in_link();
                // An address of mail in angle brackets comes without its scheme.
                let mail = link_type == pulldown_cmark::LinkType::Email;
                let url = if mail { format!("mailto:{dest_url}") } else { dest_url.to_string() };
                let kind = match links::safe(&url) {
                    Some(url) if !nested => InlineKind::Link(url),
                    _ => InlineKind::Plain,
                };
                self.open(kind);
            }
            block => {
                self.end_run();
                match block {
                    Tag::Heading { .. } => self.open(InlineKind::Strong),
                    Tag::BlockQuote(_) => self.enter(ContainerKind::Quote),
                    Tag::List(start) => self.enter(ContainerKind::List(start)),
                    Tag::Item => self.enter(ContainerKind::Item),
                    Tag::CodeBlock(kind) => {
                        let language = match kind {
                            CodeBlockKind::Fenced(info) => {
                                info.split_whitespace().next().unwrap_or_default().to_owned()
                            }
                            CodeBlockKind::Indented => String::new(),
                        };
                        self.enter(ContainerKind::Code(language, String::new()));
                    }
                    _ => {}
                }
            }
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Emphasis
            | TagEnd::Strong
            | TagEnd::Strikethrough
            | TagEnd::Link
            | TagEnd::Image => {
                self.close();
            }
            TagEnd::BlockQuote(_) | TagEnd::List(_) | TagEnd::Item | TagEnd::CodeBlock => {
                self.end_run();
                self.leave();
            }
            _ => self.end_run(),
        }
    }

    fn enter(&mut self, kind: ContainerKind) {
        let flat = self.containers.len() > DEPTH && !matches!(kind, ContainerKind::Code(..));
        self.containers.push(Container::of(if flat { ContainerKind::Flat } else { kind }));
    }

    fn leave(&mut self) {
        // The root never leaves: every end has its start.
        if self.containers.len() < 2 {
            return;
        }
        let Some(done) = self.containers.pop() else { return };
        let Some(around) = self.containers.last_mut() else { return };
        match done.kind {
            ContainerKind::Quote => around.blocks.push(Block::Quote { blocks: done.blocks }),
            ContainerKind::List(start) => {
                around.blocks.push(Block::List { start, items: done.items });
            }
            ContainerKind::Item => around.items.push(done.blocks),
            ContainerKind::Code(language, mut text) => {
                if text.ends_with('\n') {
                    text.pop();
                }
                around.blocks.push(Block::Code { language, text });
            }
            ContainerKind::Root | ContainerKind::Flat => {
                around.blocks.extend(done.blocks);
                around.blocks.extend(done.items.into_iter().flatten());
            }
        }
    }

    fn text(&mut self, text: &str) {
        if let Some(Container { kind: ContainerKind::Code(_, code), .. }) =
            self.containers.last_mut()
        {
            code.push_str(text);
        } else if self.in_link() {
            self.push(Span::Text { text: text.to_owned() });
        } else {
            for (n, line) in text.split('\n').enumerate() {
                if n > 0 {
                    self.push(Span::Break);
                }
                links::find(line).into_iter().for_each(|span| self.push(span));
            }
        }
    }

    fn in_link(&self) -> bool {
        self.spans.iter().any(|inline| matches!(inline.kind, InlineKind::Link(_)))
    }

    fn push(&mut self, span: Span) {
        if self.spans.is_empty() {
            self.spans.push(Inline { kind: InlineKind::Run, spans: Vec::new() });
        }
        if let Some(inline) = self.spans.last_mut() {
            inline.spans.push(span);
        }
    }

    fn open(&mut self, kind: InlineKind) {
        if self.spans.is_empty() {
            self.spans.push(Inline { kind: InlineKind::Run, spans: Vec::new() });
        }
        let kind = if self.spans.len() > DEPTH { InlineKind::Plain } else { kind };
        self.spans.push(Inline { kind, spans: Vec::new() });
    }

    fn close(&mut self) {
        if self.spans.len() < 2 {
            return;
        }
        let Some(Inline { kind, spans }) = self.spans.pop() else { return };
        let Some(around) = self.spans.last_mut() else { return };
        match kind {
            InlineKind::Emphasis => around.spans.push(Span::Emphasis { spans }),
            InlineKind::Strong => around.spans.push(Span::Strong { spans }),
            InlineKind::Struck => around.spans.push(Span::Struck { spans }),
            InlineKind::Link(url) => around.spans.push(links::honest(url, spans)),
            InlineKind::Run | InlineKind::Plain => around.spans.extend(spans),
        }
    }

    /// End the paragraph, if one is open.
    fn end_run(&mut self) {
        while self.spans.len() > 1 {
            self.close();
        }
        let Some(Inline { mut spans, .. }) = self.spans.pop() else { return };
        while spans.last() == Some(&Span::Break) {
            spans.pop();
        }
        if let Some(container) = self.containers.last_mut()
            && !spans.is_empty()
        {
            container.blocks.push(Block::Paragraph { spans });
        }
    }

    fn finish(mut self) -> Vec<Block> {
        self.end_run();
        while self.containers.len() > 1 {
            self.leave();
        }
        self.containers.pop().map(|root| root.blocks).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
