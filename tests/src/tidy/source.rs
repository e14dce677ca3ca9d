//! Rust source without its comments and literals, so that the rules see code only (their own patterns are literals).
//! Not a lexer: it knows just enough of Rust to tell text from code.

/// `text` with every comment, string and character literal replaced by spaces; lines keep their numbers.
pub fn code(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = opaque(rest, code.chars().next_back());
        if length == 0 {
            code.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            code.extend(rest[..length].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
            rest = &rest[length..];
        }
    }
    code
}

/// The bytes at the start of `text` that are a comment or a literal; 0 if it starts with code.
fn opaque(text: &str, before: Option<char>) -> usize {
    if text.starts_with("//") {
        return text.find('\n').unwrap_or(text.len());
    }
    if text.starts_with("/*") {
        return block_comment(text);
    }
    if text.starts_with('"') {
        return quoted(text, '"');
    }
    // Neither the end of a name nor a lifetime: `br"…"`, `r#"…"#`, `'a'`.
    if before.is_some_and(is_word) {
        return 0;
    }
    let raw = text.strip_prefix('b').or(text.strip_prefix('c')).unwrap_or(text);
    if let Some(after) = raw.strip_prefix('r') {
        let hashes = after.len() - after.trim_start_matches('#').len();
        if after[hashes..].starts_with('"') {
            let end = format!("\"{}", "#".repeat(hashes));
            let body = text.len() - after.len() + hashes + 1;
            return text[body..].find(&end).map_or(text.len(), |at| body + at + end.len());
        }
    }
    if let Some(inner) = text.strip_prefix('\'') {
        let mut inner = inner.chars();
        let escape = inner.next() == Some('\\');
        return if escape || inner.next() == Some('\'') { quoted(text, '\'') } else { 0 };
    }
    0
}

fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        if text[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The lines (from 1) of `code` on which `pattern` stands, not inside a longer name; `name*` also finds what starts with `name`.
pub fn lines_with(code: &str, pattern: &str) -> Vec<usize> {
    let (pattern, open) = pattern.strip_suffix('*').map_or((pattern, false), |start| (start, true));
    let stands_alone = |line: &str| {
        line.match_indices(pattern).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            let after = line[at + pattern.len()..].chars().next();
            let glued = |edge: Option<char>, next: Option<char>| edge.is_some_and(is_word) && next.is_some_and(is_word);
            !glued(pattern.chars().next(), before) && (open || !glued(pattern.chars().next_back(), after))
        })
    };
    code.lines().enumerate().filter(|(_, line)| stands_alone(line)).map(|(at, _)| at + 1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_not_code() {
        let text =
            "let a = \"dbg!\"; // dbg!\n/* dbg! /* dbg! */ dbg! */ let c = '\"'; r#\"dbg! \" dbg!\"#; b\"\\\"dbg!\";";
        assert_eq!(lines_with(&code(text), "dbg!"), Vec::<usize>::new());
        assert_eq!(code(text).lines().count(), 2);
    }

    #[test]
    fn code_beside_lifetimes_and_literals_stays() {
        let text = "fn f<'a>(x: &'a str) { g('\\'', 'x'); dbg!(x) }\nlet s = \"a\\\\\"; dbg!(s); let r = bar\"x\";";
        assert_eq!(lines_with(&code(text), "dbg!"), [1, 2]);
    }

    #[test]
    fn a_longer_name_is_another_name() {
        assert_eq!(lines_with("use scylla_proxy::x;\nuse my_scylla;\nscylla::a()", "scylla"), [3]);
        assert_eq!(lines_with("use my_scylla;\nuse scylla_proxy::x;", "scylla*"), [2]);
        assert_eq!(lines_with("Instant::nowhere()\nInstant::now()", "Instant::now"), [2]);
    }
}
