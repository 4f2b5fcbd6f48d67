#!/usr/bin/env node
// What stands where AWS's own runtime for Node stands on Lambda: it fetches invocations and hands back answers, and does no more than it must
// (https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html).
import http from "node:http";
import { handler } from "./function.mjs";

const [hostname, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

function call(method, path, body) {
  return new Promise((resolve, reject) => {
    const request = http.request({ agent, hostname, port, method, path: `/2018-06-01/runtime/invocation/${path}` }, (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("end", () => resolve({ headers: response.headers, body: Buffer.concat(chunks).toString() }));
      response.on("error", reject);
    });
    request.on("error", reject);
    request.end(body);
  });
}

for (;;) {
  const { headers, body } = await call("GET", "next");
  const answer = await handler(JSON.parse(body));
  await call("POST", `${headers["lambda-runtime-aws-request-id"]}/response`, JSON.stringify(answer));
}
