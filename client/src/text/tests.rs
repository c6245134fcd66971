//! What texts become: nothing that somebody writes is ever more than text.

use proptest::prelude::*;

use super::*;

fn text(text: &str) -> Span {
    Span::Text { text: text.into() }
}

fn link(url: &str, shown: &str) -> Span {
    Span::Link { url: url.into(), spans: vec![text(shown)] }
}

fn paragraph(spans: Vec<Span>) -> Vec<Block> {
    vec![Block::Paragraph { spans }]
}

fn urls(blocks: &[Block]) -> Vec<String> {
    fn of(spans: &[Span], out: &mut Vec<String>) {
        for span in spans {
            match span {
                Span::Link { url, spans } => {
                    out.push(url.clone());
                    of(spans, out);
                }
                Span::Emphasis { spans } | Span::Strong { spans } | Span::Struck { spans } => {
                    of(spans, out);
                }
                Span::Text { .. } | Span::Code { .. } | Span::Break => {}
            }
        }
    }
    fn walk(blocks: &[Block], depth: usize, out: &mut Vec<String>) {
        assert!(depth < 4 * DEPTH, "the tree is not deep");
        for block in blocks {
            match block {
                Block::Paragraph { spans } => of(spans, out),
                Block::Quote { blocks } => walk(blocks, depth + 1, out),
                Block::List { items, .. } => items.iter().for_each(|i| walk(i, depth + 1, out)),
                Block::Code { .. } => {}
            }
        }
    }
    let mut out = Vec::new();
    walk(blocks, 0, &mut out);
    out
}

#[test]
fn plain_lines_stay_lines_and_markup_becomes_a_tree() {
    assert_eq!(blocks("one\ntwo"), paragraph(vec![text("one"), Span::Break, text("two")]));
    assert_eq!(
        blocks("a *b* **c** ~~d~~ `e`"),
        paragraph(vec![
            text("a "),
            Span::Emphasis { spans: vec![text("b")] },
            text(" "),
            Span::Strong { spans: vec![text("c")] },
            text(" "),
            Span::Struck { spans: vec![text("d")] },
            text(" "),
            Span::Code { text: "e".into() },
        ])
    );
    assert_eq!(
        blocks("> q\n\n```rust\nfn x() {}\n```\n\n3. a\n4. b"),
        [
            Block::Quote { blocks: paragraph(vec![text("q")]) },
            Block::Code { language: "rust".into(), text: "fn x() {}".into() },
            Block::List {
                start: Some(3),
                items: vec![paragraph(vec![text("a")]), paragraph(vec![text("b")])],
            },
        ]
    );
    assert_eq!(blocks("# T"), paragraph(vec![Span::Strong { spans: vec![text("T")] }]));
}

#[test]
fn bare_addresses_become_links_without_the_sentence_around_them() {
    assert_eq!(
        blocks("see https://a.example/b_c_d?x=(1), ok"),
        paragraph(vec![
            text("see "),
            link("https://a.example/b_c_d?x=(1)", "https://a.example/b_c_d?x=(1)"),
            text(", ok"),
        ])
    );
    assert_eq!(urls(&blocks("(http://a.example).")), ["http://a.example"]);
    assert_eq!(urls(&blocks("看https://a.example。好")), ["https://a.example"]);
    assert_eq!(urls(&blocks("xhttps://a.example ftp://b.example")), Vec::<String>::new());
    assert_eq!(urls(&blocks("`https://a.example`")), Vec::<String>::new());
    assert_eq!(urls(&blocks("<ada@a.example>")), ["mailto:ada@a.example"]);
}

#[test]
fn row_47_nothing_in_a_message_is_markup_or_a_dangerous_link() {
    for attack in [
        "<img src=x onerror=alert(1)>",
        "<script>alert(1)</script>",
        "</script><svg/onload=alert(1)>",
        "<svg><set attributeName=href to=javascript:alert(1)></svg>",
        "<svg><animate onbegin=alert(1) attributeName=x></svg>",
        "<style>*{background:url(javascript:alert(1))}</style>",
        "<a href=\"javascript:alert(1)\">x</a>",
        "<iframe srcdoc=\"&lt;script&gt;\"></iframe>",
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt:alert(1))",
        "[x](java\tscript:alert(1))",
        "[x](&#106;avascript:alert(1))",
        "[x](data:text/html,<script>alert(1)</script>)",
        "[x](vbscript:msgbox)",
        "[x](file:///etc/passwd)",
        "[x](//evil.example)",
        "[x](\u{1}javascript:alert(1))",
        "![x](javascript:alert(1))",
        "<javascript:alert(1)>",
        "[x]: javascript:alert(1)\n\n[x]",
        "[a](https://ok.example\u{202e}gpj.exe)",
        "http://\u{200b}",
        "https://",
    ] {
        let tree = blocks(attack);
        assert_eq!(urls(&tree), Vec::<String>::new(), "{attack}");
    }
    assert_eq!(
        blocks("a <b>c</b>"),
        paragraph(vec![text("a "), text("<b>"), text("c"), text("</b>")]),
        "HTML is shown as it was typed"
    );
}

#[test]
fn row_47_a_link_cannot_show_another_address_than_its_own() {
    let real = paragraph(vec![link("https://evil.example", "https://evil.example")]);
    assert_eq!(blocks("[https://bank.example](https://evil.example)"), real);
    assert_eq!(blocks("[www.bank.example](https://evil.example)"), real);
    assert_eq!(blocks("[\u{200b}](https://evil.example)"), real);
    assert_eq!(
        blocks("[the report](https://a.example)"),
        paragraph(vec![link("https://a.example", "the report")])
    );
}

#[test]
fn row_14_deep_nesting_and_endless_marks_make_a_small_tree() {
    let quotes = format!("{}deep", ">".repeat(10_000));
    let list = (0..2000).map(|n| format!("{}- x\n", " ".repeat(n * 2 % 500))).collect::<String>();
    let stars = "*a **b ".repeat(5000);
    for text in [quotes, list, stars, "[".repeat(20_000), "e\u{301}".repeat(10_000)] {
        urls(&blocks(&text));
        assert!(preview(&text).len() <= 4096);
    }
}

#[test]
fn a_preview_is_one_plain_line() {
    assert_eq!(preview("**Hi** [there](https://a.example)\n\n- a\n- b"), "Hi there a b");
    assert_eq!(preview("```\nlet x;\n```"), "let x;");
    let long = preview(&"é".repeat(500));
    assert_eq!(long.chars().count(), 161);
    assert!(long.ends_with('…'));
}

proptest! {
    #[test]
    fn any_text_gives_a_tree_with_safe_links_only(text in "[\\PC\n<>\\[\\]()*_`:/.a-z]{0,200}") {
        for url in urls(&blocks(&text)) {
            let lower = url.to_lowercase();
            prop_assert!(["https://", "http://", "mailto:"].iter().any(|s| lower.starts_with(s)));
        }
        let line = preview(&text);
        prop_assert!(!line.contains('\n'), "{line}");
    }
}
