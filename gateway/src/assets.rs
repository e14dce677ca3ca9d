//! The files that pages load: styles, scripts, the font, the icon, the SDK. They are part of the binary, so that a page and its
//! files are always of one version.
//!
//! An address with `?v=<hash>` of the present content may be kept for ever, and so may the font, whose name holds its version (style
//! sheets cannot ask for a hash). Without either a browser asks each time and gets a 304.
//! Nothing here is compressed: a proxy does that better, and the largest file is 51 KB.

use std::sync::LazyLock;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};

struct Asset {
    path: &'static str,
    content_type: &'static str,
    body: &'static [u8],
    /// Of the content; changes with it.
    hash: String,
}

const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const FONT: &str = "font/woff2";
const PLAIN: &str = "text/plain; charset=utf-8";

/// What other sites may load.
const SDK: &str = "/sdk/";

/// One year, in seconds: the longest that HTTP caches honour.
const CACHE_FOR_EVER: &str = "public, max-age=31536000, immutable";

macro_rules! embed {
    ($($path:literal, $kind:expr, $file:literal;)*) => {
        vec![$({
            let body: &'static [u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/", $file));
            Asset { path: $path, content_type: $kind, body, hash: format!("{:016x}", fnv1a(body)) }
        }),*]
    };
}

static ASSETS: LazyLock<Vec<Asset>> = LazyLock::new(|| {
    embed! {
        "/sdk/turnout.js", JAVASCRIPT, "sdk/turnout.js";
        "/sdk/turnout.d.ts", PLAIN, "sdk/turnout.d.ts";
        "/assets/styles.css", CSS, "pages/styles.css";
        "/assets/forms.css", CSS, "pages/forms.css";
        "/assets/forms.js", JAVASCRIPT, "pages/forms.js";
        "/assets/event.js", JAVASCRIPT, "pages/event.js";
        "/assets/console.css", CSS, "pages/console.css";
        "/assets/studio.css", CSS, "pages/studio.css";
        "/assets/console.js", JAVASCRIPT, "pages/console.js";
        "/assets/board.js", JAVASCRIPT, "pages/board.js";
        "/assets/check-in.js", JAVASCRIPT, "pages/check-in.js";
        "/assets/check-in-camera.js", JAVASCRIPT, "pages/check-in-camera.js";
        // A service worker rules over the folder that it lies in.
        "/console/check-in/worker.js", JAVASCRIPT, "pages/check-in-worker.js";
        "/assets/icons.svg", "image/svg+xml", "pages/icons.svg";
        "/assets/house.svg", "image/svg+xml", "pages/house.svg";
        "/assets/icon.svg", "image/svg+xml", "pages/icon.svg";
        "/assets/archivo-5.3.0.woff2", FONT, "pages/vendor/archivo-latin-wght-normal.woff2";
        "/assets/archivo-ext-5.3.0.woff2", FONT, "pages/vendor/archivo-latin-ext-wght-normal.woff2";
        "/assets/htmx.js", JAVASCRIPT, "pages/vendor/htmx.min.js";
        "/assets/htmx-sse.js", JAVASCRIPT, "pages/vendor/htmx-ext-sse.min.js";
        "/assets/uplot.js", JAVASCRIPT, "pages/vendor/uPlot.iife.min.js";
        "/assets/uplot.css", CSS, "pages/vendor/uPlot.min.css";
        "/assets/qr-decode.js", JAVASCRIPT, "pages/vendor/qr-decode.min.js";
    }
});

/// The address of an asset for a template: `styles.css` becomes `/assets/styles.css?v=<hash>`.
///
/// # Panics
/// When there is no such asset: the tests render every page, so such a page cannot be shipped.
pub fn url(name: &str) -> String {
    let path = format!("/assets/{name}");
    let asset = find(&path).expect("templates name only assets that are in the table above");
    format!("{path}?v={}", asset.hash)
}

/// All paths, for routing.
pub fn paths() -> impl Iterator<Item = &'static str> {
    ASSETS.iter().map(|asset| asset.path)
}

/// Answers `GET` for a path, its query and the request's `If-None-Match`; `None` when the path is not an asset.
pub fn respond(path: &str, query: Option<&str>, if_none_match: Option<&str>) -> Option<Response<Bytes>> {
    let asset = find(path)?;
    let etag = format!("\"{}\"", asset.hash);
    let versioned = query.and_then(|query| query.strip_prefix("v=")) == Some(asset.hash.as_str());
    let for_ever = versioned || asset.content_type == FONT;
    let known = if_none_match.is_some_and(|tags| tags.split(',').any(|tag| tag.trim() == etag));
    let (status, body) =
        if known { (StatusCode::NOT_MODIFIED, Bytes::new()) } else { (StatusCode::OK, Bytes::from_static(asset.body)) };
    let mut response = Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, asset.content_type)
        .header(header::CACHE_CONTROL, if for_ever { CACHE_FOR_EVER } else { "no-cache" })
        .header(header::ETAG, etag)
        .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
        .body(body)
        .expect("every header above is plain ASCII");
    if path.starts_with(SDK) {
        // Other sites load the SDK as a module. Who may then connect is decided where tickets are given out.
        response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    }
    Some(response)
}

fn find(path: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.path == path)
}

/// FNV-1a, 64 bits: tells versions of our own files apart, and is the same in every build. Not for anything secret.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_with_the_hash_may_be_kept_for_ever_and_one_without_may_not() {
        let versioned = url("styles.css");
        let (path, query) = versioned.split_once('?').unwrap();
        let kept = respond(path, Some(query), None).unwrap();
        assert_eq!(kept.headers()[header::CACHE_CONTROL], CACHE_FOR_EVER);
        let asked_again = respond(path, None, None).unwrap();
        assert_eq!(asked_again.headers()[header::CACHE_CONTROL], "no-cache");
        let old_version = respond(path, Some("v=0000"), None).unwrap();
        assert_eq!(old_version.headers()[header::CACHE_CONTROL], "no-cache");
    }

    #[test]
    fn a_browser_that_has_the_file_gets_304_without_a_body() {
        let first = respond("/sdk/turnout.js", None, None).unwrap();
        let etag = first.headers()[header::ETAG].to_str().unwrap();
        let second = respond("/sdk/turnout.js", None, Some(etag)).unwrap();
        assert_eq!(second.status(), StatusCode::NOT_MODIFIED);
        assert!(second.body().is_empty());
        assert!(!first.body().is_empty());
    }

    #[test]
    fn other_sites_may_load_the_sdk_and_nothing_else() {
        for path in paths() {
            let response = respond(path, None, None).unwrap();
            let allowed = response.headers().contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN);
            assert_eq!(allowed, path.starts_with("/sdk/"), "{path}");
        }
    }

    #[test]
    fn a_path_outside_the_table_is_not_an_asset() {
        assert!(respond("/assets/../Cargo.toml", None, None).is_none());
        assert!(respond("/assets/", None, None).is_none());
    }

    #[test]
    fn the_hash_is_the_published_one() {
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
    }
}
