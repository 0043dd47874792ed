// Runs the real binary and Debian's Chromium.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import http from "node:http";
import { createInterface } from "node:readline";
import { after } from "node:test";
import { fileURLToPath } from "node:url";

import { chromium } from "playwright-core";

const ROOT = new URL("../../", import.meta.url);

/** The path of a file in this repository. */
export const repository = (path) => fileURLToPath(new URL(path, ROOT));

/** The path of a fixture. */
export const fixture = (name) => repository(`tests/fixtures/${name}`);

/** Runs the binary as a local server. It ends with `stop`, or at the latest with the tests. */
export async function startServer(environment = {}) {
  const binary = process.env.BINARY ?? repository("target/debug/image-classifier");
  const child = spawn(binary, ["serve"], {
    cwd: repository("."),
    env: { PORT: "0", ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  child.stderr.setEncoding("utf8");
  let log = "";
  child.stderr.on("data", (text) => (log += text));
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const stop = async () => {
    child.kill();
    await ended;
  };
  process.once("exit", () => child.kill("SIGKILL"));
  for await (const line of createInterface(child.stdout)) {
    const url = line.match(/^Serving (http:\S+?)\. /)?.[1];
    if (url) return { url, stop, port: Number(new URL(url).port) };
  }
  throw new Error(`the server did not start: ${log}`);
}

/**
 * A proxy between the browser and a server: `answer(request)` may return a replacement answer, as [status, type, body].
 */
export async function startProxy(target, { prefix = "", answer = () => undefined } = {}) {
  const proxy = http.createServer((request, response) => {
    const own = answer(request);
    if (own || !request.url.startsWith(prefix)) {
      const [status, type, body] = own ?? [404, "text/plain", "not below the prefix"];
      request.resume();
      request.on("end", () => response.writeHead(status, { "content-type": type }).end(body));
      return;
    }
    const { method, headers } = request;
    const options = { method, headers, path: request.url.slice(prefix.length) || "/" };
    const onward = http.request(target, options, (incoming) => {
      response.writeHead(incoming.statusCode, incoming.headers);
      incoming.pipe(response);
    });
    onward.on("error", () => response.destroy());
    request.pipe(onward);
  });
  await new Promise((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  const stop = () => {
    proxy.closeAllConnections();
    return new Promise((resolve) => proxy.close(resolve));
  };
  return { url: `http://127.0.0.1:${proxy.address().port}${prefix}`, stop };
}

export const launch = () =>
  chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    // Chromium must not call home, and has no sandbox if it runs as root.
    args: [
      "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync",
    ],
  });

/** One browser and one server for a test file. */
export async function stage(environment) {
  const [browser, server] = await Promise.all([launch(), startServer(environment)]);
  after(() => Promise.all([browser.close(), server.stop()]));
  return { browser, server, visit: (options) => visit(browser, { url: server.url, ...options }) };
}

/**
 * Opens the page while `work` runs. Then checks that no request went to another origin, except that of `uploads`, and
 * that the console has no messages, including violations of the page's security policy. `mayReport` lists exceptions.
 */
export async function visit(browser, { url, work, context: options = {}, mayReport = /$^/, uploads = null }) {
  const context = await browser.newContext({ locale: "en-GB", ...options });
  const page = await context.newPage();
  // With a listener from the start, no file chooser can open before the test waits for it.
  page.on("filechooser", () => {});
  const elsewhere = [];
  const reports = [];
  const { origin } = new URL(url);
  page.on("request", (request) => {
    const address = request.url();
    if (uploads && address.startsWith(`${uploads}/`)) return;
    if (!address.startsWith(`${origin}/`) && !address.startsWith(`blob:${origin}/`)) elsewhere.push(address);
  });
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) reports.push(message.text());
  });
  page.on("pageerror", (error) => reports.push(String(error)));
  try {
    await page.goto(url.endsWith("/") ? url : `${url}/`);
    await work(page);
    assert.deepEqual(elsewhere, [], "requests to another origin");
    // Chromium logs each answer with a status of 400 or more.
    const unexpected = reports.filter((text) => !/status of 4\d\d/.test(text) && !mayReport.test(text));
    assert.deepEqual(unexpected, [], "reports on the console");
  } finally {
    await context.close();
  }
}

/** Holds back the requests for labels until the returned function is called. */
export async function hold(page) {
  let release;
  const held = new Promise((resolve) => (release = resolve));
  await page.route("**/classify*", async (route) => {
    await held;
    await route.continue();
  });
  return release;
}

/** Waits until this many pictures are done or failed. */
export async function finished(page, count) {
  const over = page.locator("#results > li:is([data-state=done], [data-state=failed])");
  await over.nth(count - 1).waitFor();
  assert.equal(await over.count(), count);
}

/** The card of a file, by its name. */
export const card = (page, name) => page.locator("#results > li", { has: page.locator(`.name[title=${JSON.stringify(name)}]`) });

/** The first label of a card. */
export const best = (page, name) => card(page, name).locator(".labels .label").first().textContent();

/** Files for `setInputFiles`. */
export const file = (name, mimeType, buffer) => ({ name, mimeType, buffer: Buffer.from(buffer) });

export const bytes = (name) => readFileSync(fixture(name));
