// Pictures that are too large for a request are uploaded to a bucket, in a storage with CORS.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import net from "node:net";
import { after, test } from "node:test";

import { best, finished, fixture, repository, stage } from "./harness.mjs";

const port = await freePort();
const storage = `http://127.0.0.1:${port}`;
const program = process.env.MOTO_SERVER ?? repository(".venv/bin/moto_server");
const moto = spawn(program, ["-H", "127.0.0.1", "-p", String(port)], { stdio: "ignore" });
process.once("exit", () => moto.kill("SIGKILL"));
after(() => moto.kill());
await makeBucket();

const { visit } = await stage({
  AWS_ENDPOINT_URL: storage,
  AWS_REGION: "us-east-1",
  AWS_ACCESS_KEY_ID: "AKIAEXAMPLE",
  AWS_SECRET_ACCESS_KEY: "secret",
  // coffee.png has 466,706 bytes.
  MAX_BODY_BYTES: "100000",
  UPLOAD_BUCKET: "uploads",
});

test("a picture that is too large for a request is put into the bucket as it is, and a small one is sent", () =>
  visit({
    uploads: storage,
    work: async (page) => {
      const asked = [];
      page.on("request", (request) => asked.push(`${request.method()} ${new URL(request.url()).pathname}`));
      await page.locator("#file").setInputFiles(fixture("coffee.png"));
      await finished(page, 1);
      assert.equal(await best(page, "coffee.png"), "espresso");
      const [, put] = asked.filter((request) => !request.startsWith("GET") && !request.startsWith("OPTIONS"));
      assert.match(put, /^PUT \/uploads\/uploads\/[0-9a-f]{32}$/);
      assert.equal(await page.locator("#results .notice:visible").count(), 0, "it is not scaled");
      asked.length = 0;
      await page.locator("#file").setInputFiles(fixture("coffee.jpg"));
      await finished(page, 2);
      assert.equal(await best(page, "coffee.jpg"), "espresso");
      assert.deepEqual(asked.filter((request) => request.startsWith("PUT")), []);
    },
  }));

test("a picture that was put into the bucket is not put there again while the service is busy", () =>
  visit({
    uploads: storage,
    mayReport: /status of 503/,
    work: async (page) => {
      const puts = [];
      page.on("request", (request) => request.method() === "PUT" && puts.push(request.url()));
      let asked = 0;
      await page.route(/\/classify\?/, (route) => {
        asked += 1;
        if (asked > 2) return route.continue();
        const body = JSON.stringify({ status: 503, code: "overloaded", detail: "Try again." });
        return route.fulfill({ status: 503, headers: { "retry-after": "1" }, contentType: "application/problem+json", body });
      });
      await page.locator("#file").setInputFiles(fixture("coffee.png"));
      await finished(page, 1);
      assert.equal(await best(page, "coffee.png"), "espresso");
      assert.deepEqual([asked, puts.length], [3, 1]);
    },
  }));

test("a storage that refuses is told of", () =>
  visit({
    uploads: storage,
    work: async (page) => {
      await page.route(`${storage}/**`, (route) =>
        route.fulfill({ status: 403, headers: { "access-control-allow-origin": "*" }, body: "<Error/>" }),
      );
      await page.locator("#file").setInputFiles(fixture("coffee.png"));
      await finished(page, 1);
      assert.equal(await page.locator('.error[data-code="status_403"]').count(), 1);
    },
  }));

function freePort() {
  return new Promise((resolve) => {
    const server = net.createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Creates the bucket as soon as the storage listens. */
async function makeBucket() {
  const headers = {
    Authorization: "AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20260601/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0",
  };
  for (let left = 300; ; left -= 1) {
    try {
      const answer = await fetch(`${storage}/uploads`, { method: "PUT", headers });
      assert.equal(answer.status, 200, await answer.text());
      return;
    } catch (error) {
      if (left === 0 || error instanceof assert.AssertionError) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
