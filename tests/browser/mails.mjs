// Mails as the mail server of the tests got them: tests/servers/smtp.py keeps a folder for each address. This reads as much of MIME as
// our own mails need, and says nothing of what should be in them. It hands mails back as well, as other mail servers do.

import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";

import { base, until, wanted } from "./visitors.mjs";

/** Headers by their names in small letters, unfolded, and the rest. */
function split(source) {
  const [head, ...rest] = source.split(/\r?\n\r?\n/);
  const headers = new Map();
  for (const line of head.replace(/\r?\n[ \t]+/g, " ").split(/\r?\n/)) {
    const [, name, value] = /^([^:]+):\s*(.*)$/.exec(line) ?? [];
    if (name) headers.set(name.toLowerCase(), value);
  }
  return { headers, body: rest.join("\r\n\r\n") };
}

function decoded(body, encoding) {
  if (/base64/i.test(encoding)) return Buffer.from(body, "base64").toString("utf8");
  if (!/quoted-printable/i.test(encoding)) return Buffer.from(body, "latin1").toString("utf8");
  const bytes = body.replace(/=\r?\n/g, "").replace(/=([0-9A-F]{2})/gi, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, "latin1").toString("utf8");
}

/** The parts that hold something, whatever they are nested in. */
function parts(source) {
  const { headers, body } = split(source);
  const type = headers.get("content-type") ?? "text/plain";
  const boundary = /boundary="?([^";]+)"?/i.exec(type)?.[1];
  if (!boundary) return [{ type: type.split(";")[0].trim(), body: decoded(body, headers.get("content-transfer-encoding") ?? "") }];
  return body.split(`--${boundary}`).slice(1, -1).flatMap((part) => parts(part.replace(/^\r?\n/, "")));
}

/** The mails to an address, oldest first. */
export function mails(address) {
  const folder = path.join(wanted("TURNOUT_TEST_SMTP_BOXES", "the folder of tests/servers/smtp.py"), address);
  const files = fs.existsSync(folder) ? fs.readdirSync(folder).filter((name) => name.endsWith(".eml")).toSorted() : [];
  return files.map((name) => {
    const file = path.join(folder, name);
    const source = fs.readFileSync(file, "latin1");
    const all = parts(source);
    const of = (type) => all.filter((part) => part.type === type).map((part) => part.body).join("\n");
    return { at_ms: Math.round(fs.statSync(file).mtimeMs), headers: split(source).headers, text: of("text/plain"), html: of("text/html"), calendar: of("text/calendar") };
  });
}

/** Every address that a reader, or their mail program, can follow: of the text, of the HTML, and to leave a mailing. */
export function links({ headers, text, html }) {
  const found = [
    ...text.matchAll(/https?:\/\/[^\s<>"]+/g),
    ...[...html.matchAll(/(?:href|src)="(https?:[^"]+)"/g)].map(([, link]) => [link.replaceAll("&amp;", "&")]),
    ...(headers.get("list-unsubscribe") ?? "").matchAll(/https?:\/\/[^\s<>"]+/g),
  ];
  return [...new Set(found.map(([link]) => link))];
}

/** The link of a kind out of the newest mail to an address that has one. */
export async function link_to(address, kind) {
  let link;
  await until(() => {
    link = mails(address).flatMap(links).findLast((found) => found.startsWith(`${base}${kind}`));
    return link !== undefined;
  }, true, `a mail with a link to ${kind}`);
  return link;
}

/** Hands the newest mail to an address back to the program; a part of this type says in its fields what became of it. */
export async function hand_back(address, type, fields) {
  const part = (kind, lines) => `--b\r\nContent-Type: ${kind}\r\n\r\n${lines.join("\r\n")}\r\n\r\n`;
  const newest = `Message-ID: ${mails(address).at(-1).headers.get("message-id")}`;
  const head = "MIME-Version: 1.0\r\nContent-Type: multipart/report; boundary=b\r\n\r\n";
  const body = `${head}${part(type, fields)}${part("text/rfc822-headers", [newest])}--b--\r\n`;
  const answer = await fetch(`${base}/v1/returned-mails`, { method: "POST", body });
  assert.equal(answer.status, 204);
}
