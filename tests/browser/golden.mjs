// Every state of every page, and of every part of one, as the gateway's own tests keep them (gateway/src/views/golden): empty, full, refused,
// out of touch, for each role. What there is to see in them is for the tests to say.

import fs from "node:fs";

const GOLDEN = new URL("../../gateway/src/views/golden/", import.meta.url);

export const golden = fs.readdirSync(GOLDEN).filter((file) => file.endsWith(".html"))
  .map((file) => ({ name: file.replace(".html", ""), html: fs.readFileSync(new URL(file, GOLDEN), "utf8") }));
