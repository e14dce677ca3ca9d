//! The one layout of our mails: a calm card that any mail program shows, light or dark, with looks in line and no pictures.

use super::markdown::escape_html;

/// What surrounds the words.
#[derive(Debug, Clone)]
pub(crate) struct Look<'a> {
    pub language: &'a str,
    pub sender_name: &'a str,
    /// Where to unsubscribe, for kinds that one can do without.
    pub unsubscribe_url: Option<&'a str>,
}

impl Look<'_> {
    fn unsubscribe_words(&self) -> (&'static str, &'static str) {
        if self.language.starts_with("de") {
            ("Sie erhalten diese Erinnerung, weil Sie angemeldet sind.", "Keine Erinnerungen mehr")
        } else {
            ("You get this reminder because you are registered.", "No more reminders")
        }
    }
}

/// The plain half.
pub(super) fn text(body: &str, look: &Look<'_>) -> String {
    let Some(url) = look.unsubscribe_url else { return body.to_owned() };
    let (why, how) = look.unsubscribe_words();
    format!("{body}\n-- \n{why}\n{how}: {url}\n")
}

/// The HTML half, a whole document.
pub(super) fn html(subject: &str, body: &str, look: &Look<'_>) -> String {
    let (subject, language) = (escape_html(subject), escape_html(look.language));
    let sender = escape_html(look.sender_name);
    let footer = look.unsubscribe_url.map(|url| {
        let (why, how) = look.unsubscribe_words();
        let url = escape_html(url);
        format!("<br>{why} <a class=\"muted\" style=\"color:#5b6472\" href=\"{url}\">{how}</a>")
    });
    let footer = footer.unwrap_or_default();
    format!(
        r#"<!DOCTYPE html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<title>{subject}</title>
<style>
@media (prefers-color-scheme: dark) {{
  .page {{ background: #14171c !important; }}
  .card {{ background: #1e232b !important; color: #e8ebf0 !important; border-color: #2c333e !important; }}
  .link {{ color: #8ab4ff !important; }}
  .button {{ background: #2f6bdc !important; color: #ffffff !important; }}
  .muted {{ color: #9aa4b2 !important; }}
}}
</style>
</head>
<body class="page" style="margin:0;padding:0;background:#f3f5f8">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" class="page" style="background:#f3f5f8">
<tr><td align="center" style="padding:32px 12px">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" style="max-width:560px">
<tr><td class="muted" style="padding:0 4px 12px;font:600 14px/1.4 -apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;color:#5b6472">{sender}</td></tr>
<tr><td class="card" style="padding:28px 28px 12px;background:#ffffff;color:#1b2330;border:1px solid #e1e6ee;border-radius:12px;font:16px/1.55 -apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif">
{body}
</td></tr>
<tr><td class="muted" style="padding:16px 4px 0;font:13px/1.5 -apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;color:#5b6472">{sender}{footer}</td></tr>
</table>
</td></tr>
</table>
</body>
</html>
"#
    )
}
