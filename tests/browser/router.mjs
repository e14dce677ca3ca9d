// Every address of the public port, read from the table in the sources, so that no test can forget a page: what nobody visits fails.

import fs from "node:fs";

const SOURCES = ["http.rs", "audience.rs", "console.rs"].map((name) => new URL(`../../gateway/src/${name}`, import.meta.url));

/** Each as `METHOD /path/{with}/{names}`. */
export const routes = SOURCES.flatMap((source) => [...fs.readFileSync(source, "utf8").matchAll(/\.(get|post)\("(\/[^"]*)", /g)])
  .map(([, method, path]) => `${method.toUpperCase()} ${path}`);

if (routes.length < 80) throw new Error(`only ${routes.length} addresses were found: is the table written in another way now?`);

const patterns = routes.map((route) => {
  const [method, path] = route.split(" ");
  const segments = path.split("/").map((segment) => (segment.startsWith("{") ? "[^/]+" : segment.replaceAll(".", "\\.")));
  return { route, method, names: path.split("{").length, fits: new RegExp(`^${segments.join("/")}$`) };
}).toSorted((a, b) => a.names - b.names);

/** The route that answers a request; a segment that is written out goes before a name. */
export const route_of = (method, path) => patterns.find((one) => one.method === method && one.fits.test(path))?.route;
