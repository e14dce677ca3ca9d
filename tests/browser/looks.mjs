// What is wrong with a page as it stands: barriers, its width, and where the Tab key goes. A checker sees nothing of what is folded, so a
// page with folds is looked at a second time with all of them open. What a page is to say is tested elsewhere.

import { walk } from "./keyboard.mjs";
import { barriers, overflow } from "./visitors.mjs";

async function seen(page, walked) {
  const wrongs = await barriers(page);
  const wider = await overflow(page);
  if (wider) wrongs.push(`is wider than the window by ${wider} pixels`);
  if (walked) wrongs.push(...await walk(page));
  return wrongs;
}

/** Opens whatever is folded; whether something was. */
const unfold_all = (page) => page.evaluate(() => {
  const folds = [...document.querySelectorAll("details:not([open])")];
  for (const fold of folds) fold.open = true;
  return folds.length > 0;
});

/** All that is wrong with the open page; `walked` says whether the Tab key goes through it as well. */
export async function looked_over(page, walked = true) {
  const wrongs = await seen(page, walked);
  if (await unfold_all(page)) wrongs.push(...(await seen(page, walked)).map((wrong) => `unfolded: ${wrong}`));
  return wrongs;
}
