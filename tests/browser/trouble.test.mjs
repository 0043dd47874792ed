// Errors, and what the page says about them.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";

import { best, bytes, card, file, finished, fixture, hold, stage, startProxy, startServer, visit as visitAt } from "./harness.mjs";

const { browser, server, visit } = await stage();

test("what is refused is told in the service's own words, with what to do, and spoils nothing else", () =>
  visit({
    work: async (page) => {
      const broken = [
        ["cut.jpg", "image/jpeg", bytes("coffee.jpg").subarray(0, 5000), "truncated_image", /its end is missing/],
        ["notes.txt", "text/plain", "some notes", "missing_image|invalid_base64|unsupported_format", /./],
        ["paper.pdf", "application/pdf", "%PDF-1.7\n", "unsupported_format", /as JPEG or PNG/],
        ["empty.png", "image/png", "", "empty_body", /not empty/],
      ];
      const files = broken.map(([name, type, content]) => file(name, type, content));
      await page.locator("#file").setInputFiles([...files, file("good.jpg", "image/jpeg", bytes("coffee.jpg"))]);
      await finished(page, 5);
      assert.equal(await best(page, "good.jpg"), "espresso");
      for (const [name, type, content, code, advice] of broken) {
        const headers = { "content-type": type };
        const answer = await fetch(`${server.url}/classify`, { method: "POST", headers, body: content });
        const problem = await answer.json();
        const error = card(page, name).locator(".error");
        assert.equal(await error.textContent(), problem.detail, name);
        assert.match(problem.code, new RegExp(`^(${code})$`), name);
        assert.equal(await error.getAttribute("data-code"), problem.code, name);
        assert.match(await card(page, name).locator(".advice").textContent(), advice, name);
        assert.equal(await card(page, name).getByRole("button").count(), 0, "trying again would not help");
      }
    },
  }));

test("a kind of picture that this browser cannot show is told with the browsers that can", () =>
  visit({
    work: async (page) => {
      const ftyp = (brand) => `\0\0\0\x18ftyp${brand}\0\0\0\0${brand}mif1`;
      const rare = [
        ["photo.heic", ftyp("heic"), /cannot show HEIC.* Safari/, /HEIC.*Most Compatible/],
        ["photo.heif", ftyp("mif1"), /cannot show HEIC.* Safari/, /HEIF.*Most Compatible/],
        ["photo.jxl", "\0\0\0\x0cJXL \r\n\x87\n", /cannot show JPEG XL.* Safari/, /JPEG XL/],
      ];
      const files = rare.map(([name, content]) => file(name, "", Buffer.from(content, "latin1")));
      await page.locator("#file").setInputFiles(files);
      await finished(page, rare.length);
      for (const [name, , notice, detail] of rare) {
        assert.match(await card(page, name).locator(".notice").textContent(), notice, name);
        assert.match(await card(page, name).locator(".error").textContent(), detail, name);
      }
    },
  }));

test("a drawing that the browser shows and does not let out is told by what the service says of it", () =>
  visit({
    work: async (page) => {
      const html = '<foreignObject width="60" height="40"><p xmlns="http://www.w3.org/1999/xhtml">A</p></foreignObject>';
      const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="60" height="40">${html}</svg>`;
      await page.locator("#file").setInputFiles(file("page.svg", "image/svg+xml", svg));
      await finished(page, 1);
      const error = card(page, "page.svg").locator(".error");
      assert.equal(await error.getAttribute("data-code"), "unsupported_format");
      assert.match(await error.textContent(), /SVG/);
      assert.match(await card(page, "page.svg").locator(".advice").textContent(), /as JPEG or PNG/);
    },
  }));

test("where the service is gone that is said, and trying again works once it is back", async () => {
  const first = await startServer();
  await visitAt(browser, {
    url: first.url,
    mayReport: /ERR_CONNECTION_REFUSED|ERR_EMPTY_RESPONSE|ERR_CONNECTION_RESET/,
    work: async (page) => {
      await page.locator("#model").getByText("efficientnet-lite0").waitFor();
      await first.stop();
      await page.locator("#file").setInputFiles(fixture("coffee.jpg"));
      await finished(page, 1);
      const error = card(page, "coffee.jpg").locator(".error");
      assert.equal(await error.getAttribute("data-code"), "network");
      assert.equal(await error.textContent(), "The service cannot be reached.");
      const second = await startServer({ PORT: String(first.port) });
      await card(page, "coffee.jpg").getByRole("button", { name: "Try again" }).click();
      // The keyboard focus stays on the picture.
      assert.equal(await page.evaluate(() => document.activeElement.className), "picture");
      await page.locator("#results > [data-state=done]").waitFor();
      assert.equal(await best(page, "coffee.jpg"), "espresso");
      await second.stop();
    },
  });
});

test("a gateway's own answers, which are no JSON or another one, are understood", async () => {
  const gateway = [
    [502, "text/html", "<html><h1>Bad Gateway</h1></html>", "The service answered with status 502.", 1],
    [413, "application/json", '{"message":"Request Too Long"}', "The service answered with status 413.", 0],
    [429, "application/json", '{"message":"Too Many Requests"}', "The service answered with status 429.", 1],
    [200, "text/html", "<p>a login page</p>", "The service answered with status 200.", 0],
    [200, "application/json", "null", "The service answered with status 200.", 0],
  ];
  const queue = [...gateway];
  const answer = (request) => (request.method === "POST" ? queue.shift() : undefined);
  const proxy = await startProxy(server.url, { answer });
  await visitAt(browser, {
    url: proxy.url,
    mayReport: /status of 502/,
    work: async (page) => {
      for (const [status, , , words, retries] of gateway) {
        await page.locator("#file").setInputFiles(fixture("coffee.jpg"));
        await finished(page, 1);
        assert.equal(await page.locator(".error").textContent(), words);
        assert.equal(await page.locator(".error").getAttribute("data-code"), `status_${status}`);
        assert.equal(await page.locator(".retry").count(), retries, `${status}`);
        await page.getByRole("button", { name: "Clear" }).click();
      }
    },
  }).finally(proxy.stop);
});

/** Makes the service overloaded for the first `times` pictures. The returned list has the time of each request. */
async function overload(page, { seconds, times = Infinity }) {
  const sent = [];
  await page.route("**/classify*", (route) => {
    sent.push(performance.now());
    if (sent.length > times) return route.continue();
    const headers = { "content-type": "application/problem+json", "retry-after": String(seconds) };
    const body = JSON.stringify({ status: 503, code: "overloaded", detail: "Too many images at the same time." });
    return route.fulfill({ status: 503, headers, body });
  });
  return sent;
}

test("an overloaded service is given the time that it asks for, then the picture comes again by itself", () =>
  visit({
    mayReport: /status of 503/,
    work: async (page) => {
      const sent = await overload(page, { seconds: 1, times: 2 });
      await page.locator("#file").setInputFiles(fixture("coffee.jpg"));
      await page.getByRole("progressbar", { name: "coffee.jpg: The service is busy, trying again soon" }).waitFor();
      await finished(page, 1);
      assert.equal(await best(page, "coffee.jpg"), "espresso");
      assert.equal(sent.length, 3);
      for (const at of [1, 2]) assert.ok(sent[at] - sent[at - 1] > 990, `${sent[at] - sent[at - 1]} ms`);
    },
  }));

test("a service that stays overloaded, or for long, is left alone, and that is said", () =>
  visit({
    mayReport: /status of 503/,
    work: async (page) => {
      for (const [seconds, requests] of [[1, 4], [3600, 1], ["", 1], ["Fri, 31 Dec 2049 23:59:59 GMT", 1]]) {
        const sent = await overload(page, { seconds });
        await page.locator("#file").setInputFiles(fixture("coffee.jpg"));
        await finished(page, 1);
        const error = page.locator(".error");
        assert.equal(await error.getAttribute("data-code"), "overloaded");
        assert.equal(await error.textContent(), "Too many images at the same time.");
        assert.equal(await page.getByRole("button", { name: "Try again" }).count(), 1);
        assert.equal(sent.length, requests, `after ${seconds}`);
        await page.unrouteAll();
        await page.getByRole("button", { name: "Clear" }).click();
      }
    },
  }));

test("pictures that wait for an overloaded service make room for others when they are removed", () =>
  visit({
    mayReport: /status of 503/,
    work: async (page) => {
      const sent = await overload(page, { seconds: 20, times: 2 });
      await page.locator("#file").setInputFiles([fixture("coffee.jpg"), fixture("flower.jpg")]);
      await page.locator("#results > [data-state=busy]").nth(1).waitFor();
      await page.getByRole("button", { name: "Clear" }).click();
      await page.locator("#file").setInputFiles(fixture("china.jpg"));
      await page.locator("#results > [data-state=done]").waitFor({ timeout: 5000 });
      assert.deepEqual([await best(page, "china.jpg"), sent.length], ["palace", 3]);
    },
  }));

test("pictures are classified where the service says nothing of itself, or something else", async () => {
  for (const [status, body] of [[200, "{}"], [200, "null"], [404, "<p>not here</p>"], [503, "{}"]]) {
    const answer = ({ url }) => (url === "/info" ? [status, "application/json", body] : undefined);
    const proxy = await startProxy(server.url, { answer });
    await visitAt(browser, {
      url: proxy.url,
      mayReport: /status of 503/,
      work: async (page) => {
        await page.locator("#file").setInputFiles(fixture("coffee.jpg"));
        await finished(page, 1);
        assert.equal(await best(page, "coffee.jpg"), "espresso", body);
        assert.equal(await page.locator("#model").textContent(), "");
      },
    }).finally(proxy.stop);
  }
});

test("the page works below a prefix, as behind a gateway's stage", async () => {
  const proxy = await startProxy(server.url, { prefix: "/Prod" });
  await visitAt(browser, {
    url: proxy.url,
    work: async (page) => {
      await page.locator("#model").getByText("efficientnet-lite0").waitFor();
      await page.locator("#file").setInputFiles(fixture("coffee.jpg"));
      await finished(page, 1);
      assert.equal(await best(page, "coffee.jpg"), "espresso");
      const description = await page.getByRole("link", { name: "API description" }).evaluate((link) => link.href);
      assert.equal((await fetch(description)).status, 200);
    },
  }).finally(proxy.stop);
});

test("pictures that are removed while they are worked on come to nothing, and make room for others at once", () =>
  visit({
    work: async (page) => {
      const release = await hold(page);
      await page.locator("#file").setInputFiles([fixture("coffee.jpg"), fixture("flower.jpg")]);
      await page.locator("#results > [data-state=sending]").nth(1).waitFor();
      await page.getByRole("button", { name: "Clear" }).click();
      assert.equal(await page.locator("#status").textContent(), "All results are removed.");
      await page.locator("#file").setInputFiles(fixture("china.jpg"));
      await page.locator("#results > [data-state=sending]").waitFor({ timeout: 5000 });
      release();
      await finished(page, 1);
      assert.equal(await best(page, "china.jpg"), "palace");
      assert.match(await page.locator("#status").textContent(), /^china\.jpg: palace [\d.]+.%\. $/);
    },
  }));

test("each picture is sent with the hash of its bytes, which CloudFront needs to sign the request", async () => {
  const seen = [];
  const answer = (request) => {
    if (request.method !== "POST") return;
    const hash = createHash("sha256");
    request.on("data", (chunk) => hash.update(chunk));
    request.on("end", () => seen.push([request.headers["x-amz-content-sha256"], hash.digest("hex")]));
  };
  const proxy = await startProxy(server.url, { answer });
  await visitAt(browser, {
    url: proxy.url,
    work: async (page) => {
      await page.locator("#file").setInputFiles([fixture("coffee.png"), fixture("flower.jpg")]);
      await finished(page, 2);
    },
  }).finally(proxy.stop);
  assert.equal(seen.length, 2);
  for (const [header, hash] of seen) assert.equal(header, hash);
});
