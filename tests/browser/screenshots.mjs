// Makes the screenshots in docs/images: node screenshots.mjs

import { mkdirSync } from "node:fs";

import { bytes, file, finished, fixture, launch, repository, startServer, visit } from "./harness.mjs";

const folder = repository("docs/images");
const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };
const DESK = { viewport: { width: 1000, height: 900 } };

const good = ["china.jpg", "chelsea.png", "coffee.png"].map(fixture);
const bad = [
  file("cut.jpg", "image/jpeg", bytes("coffee.jpg").subarray(0, 5000)),
  file("paper.pdf", "application/pdf", "%PDF-1.7\n"),
];

const shots = [
  { name: "empty", context: DESK, files: [] },
  { name: "light", context: DESK, files: good },
  { name: "dark", context: { ...DESK, colorScheme: "dark" }, files: good },
  { name: "errors", context: DESK, files: [fixture("flower.jpg"), ...bad] },
  { name: "phone", context: PHONE, files: good.slice(2) },
  { name: "phone-dark-chinese", context: { ...PHONE, colorScheme: "dark", locale: "zh-CN" }, files: good.slice(1) },
];

mkdirSync(folder, { recursive: true });
const [browser, server] = await Promise.all([launch(), startServer()]);
try {
  for (const { name, context, files } of shots) {
    await visit(browser, {
      url: server.url,
      context,
      work: async (page) => {
        await page.locator("#model").getByText("efficientnet-lite0").waitFor();
        for (const [at, one] of files.entries()) {
          await page.locator("#file").setInputFiles(one);
          await finished(page, at + 1);
        }
        await page.screenshot({ path: `${folder}/page-${name}.png`, animations: "disabled" });
      },
    });
  }
} finally {
  await Promise.all([browser.close(), server.stop()]);
}
