//! The small part of markdown that query descriptions use, rendered so that no text can become markup.
//!
//! Paragraphs, headings, lists, fenced code, `code`, **strong**, *emphasis* and links. Everything else is text. A link keeps its
//! target only when that starts with `https://` or `http://`; any other target is shown as text.

/// Renders markdown as HTML. Every character of `text` that HTML gives a meaning is escaped.
pub(super) fn render(text: &str) -> String {
    let mut html = String::with_capacity(text.len() + text.len() / 4);
    let mut block = Block::None;
    for line in text.lines() {
        if let Block::Fence(code) = &mut block {
            if line.trim_start().starts_with("```") {
                block.close(&mut html);
                block = Block::None;
            } else {
                code.push_str(line);
                code.push('\n');
            }
            continue;
        }
        let trimmed = line.trim();
        if trimmed.starts_with("```") {
            block.close(&mut html);
            block = Block::Fence(String::new());
        } else if trimmed.is_empty() {
            block.close(&mut html);
            block = Block::None;
        } else if let Some(heading) = heading(trimmed) {
            block.close(&mut html);
            block = Block::None;
            html.push_str("<h4>");
            inline(heading, &mut html);
            html.push_str("</h4>");
        } else if let Some((ordered, item)) = list_item(trimmed) {
            match &mut block {
                Block::List(same, items) if *same == ordered => items.push(item.to_owned()),
                other => {
                    other.close(&mut html);
                    block = Block::List(ordered, vec![item.to_owned()]);
                }
            }
        } else {
            match &mut block {
                Block::List(_, items) if line.starts_with([' ', '\t']) => {
                    if let Some(item) = items.last_mut() {
                        item.push(' ');
                        item.push_str(trimmed);
                    }
                }
                Block::Paragraph(text) => {
                    text.push(' ');
                    text.push_str(trimmed);
                }
                other => {
                    other.close(&mut html);
                    block = Block::Paragraph(trimmed.to_owned());
                }
            }
        }
    }
    block.close(&mut html);
    html
}

/// The block that the lines read so far have opened.
enum Block {
    None,
    Paragraph(String),
    /// Ordered or not, and the items.
    List(bool, Vec<String>),
    Fence(String),
}

impl Block {
    fn close(&self, html: &mut String) {
        match self {
            Block::None => {}
            Block::Paragraph(text) => {
                html.push_str("<p>");
                inline(text, html);
                html.push_str("</p>");
            }
            Block::List(ordered, items) => {
                html.push_str(if *ordered { "<ol>" } else { "<ul>" });
                for item in items {
                    html.push_str("<li>");
                    inline(item, html);
                    html.push_str("</li>");
                }
                html.push_str(if *ordered { "</ol>" } else { "</ul>" });
            }
            Block::Fence(code) => {
                html.push_str("<pre><code>");
                escape(code, html);
                html.push_str("</code></pre>");
            }
        }
    }
}

fn heading(line: &str) -> Option<&str> {
    let text = line.trim_start_matches('#');
    (text.len() < line.len()).then(|| text.strip_prefix(' ')).flatten()
}

/// `(ordered, text)` of a line that starts with `- `, `* ` or `1. `.
fn list_item(line: &str) -> Option<(bool, &str)> {
    if let Some(item) = line.strip_prefix("- ").or_else(|| line.strip_prefix("* ")) {
        return Some((false, item));
    }
    let (number, item) = line.split_once(". ")?;
    (!number.is_empty() && number.len() <= 3 && number.bytes().all(|byte| byte.is_ascii_digit())).then_some((true, item))
}

/// Renders the markup inside a block. A delimiter without its partner is text.
fn inline(text: &str, html: &mut String) {
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if let Some((code, after)) = rest.strip_prefix('`').and_then(|after| after.split_once('`')) {
            html.push_str("<code>");
            escape(code, html);
            html.push_str("</code>");
            rest = after;
        } else if let Some((strong, after)) = rest.strip_prefix("**").and_then(|after| after.split_once("**")) {
            html.push_str("<strong>");
            escape(strong, html);
            html.push_str("</strong>");
            rest = after;
        } else if let Some((emphasis, after)) = emphasis(rest) {
            html.push_str("<em>");
            escape(emphasis, html);
            html.push_str("</em>");
            rest = after;
        } else if let Some((label, target, after)) = link(rest) {
            html.push_str("<a rel=\"noopener noreferrer nofollow\" href=\"");
            escape(target, html);
            html.push_str("\">");
            escape(label, html);
            html.push_str("</a>");
            rest = after;
        } else {
            let mut buffer = [0; 4];
            escape(first.encode_utf8(&mut buffer), html);
            rest = rest.strip_prefix(first).unwrap_or_default();
        }
    }
}

/// `*text*` where the text touches both stars, so that `a * b` and `s3:*` stay as they are.
fn emphasis(rest: &str) -> Option<(&str, &str)> {
    let (text, after) = rest.strip_prefix('*')?.split_once('*')?;
    let touches = !text.is_empty() && !text.starts_with(char::is_whitespace) && !text.ends_with(char::is_whitespace);
    (touches && !after.starts_with(char::is_alphanumeric)).then_some((text, after))
}

/// `[label](target)` or `<target>` with a target on the web.
fn link(rest: &str) -> Option<(&str, &str, &str)> {
    let (label, target, after) = if let Some(bracket) = rest.strip_prefix('[') {
        let (label, after) = bracket.split_once("](")?;
        let (target, after) = after.split_once(')')?;
        (label, target, after)
    } else {
        let (target, after) = rest.strip_prefix('<')?.split_once('>')?;
        (target, target, after)
    };
    let on_the_web = ["https://", "http://"].iter().any(|scheme| target.starts_with(scheme));
    (on_the_web && !target.contains(char::is_whitespace)).then_some((label, target, after))
}

/// Appends `text` with the five characters that HTML gives a meaning replaced.
fn escape(text: &str, html: &mut String) {
    for character in text.chars() {
        match character {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            other => html.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::render;

    #[test]
    fn markup_becomes_html_and_text_stays_text() {
        assert_eq!(
            render("First `a<b` and **strong**,\nsame paragraph.\n\n- one\n  more\n- *two*\n\n```\nx < y\n```"),
            "<p>First <code>a&lt;b</code> and <strong>strong</strong>, same paragraph.</p>\
             <ul><li>one more</li><li><em>two</em></li></ul><pre><code>x &lt; y\n</code></pre>"
        );
        assert_eq!(render("s3:* and ec2:*"), "<p>s3:* and ec2:*</p>");
    }

    #[test]
    fn only_web_links_are_links() {
        assert_eq!(
            render("[AWS](https://docs.aws.amazon.com/?a=1&b=\"2\")"),
            "<p><a rel=\"noopener noreferrer nofollow\" href=\"https://docs.aws.amazon.com/?a=1&amp;b=&quot;2&quot;\">AWS</a></p>"
        );
        assert_eq!(render("[x](javascript:alert(1))"), "<p>[x](javascript:alert(1))</p>");
        assert_eq!(render("<script>alert(1)</script>"), "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>");
    }
}
