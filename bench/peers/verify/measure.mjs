// Measures how long the official Node SDKs take to verify a webhook, and to verify and read it as a handler does.
// usage: node measure.mjs CASES.json [which]; prints one JSON object a line: {name, size, verify_us, named_us}.
import { createHmac, timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";
import { parse as parseForm } from "node:querystring";

import "@shopify/shopify-api/adapters/node";
import { shopifyApi } from "@shopify/shopify-api";
import { verify as verifyGitHub } from "@octokit/webhooks-methods";
import { Webhook } from "standardwebhooks";
import Stripe from "stripe";
import twilio from "twilio";

const stripe = new Stripe("sk_test_not_used");
const shopify = shopifyApi({
  apiKey: "key",
  apiSecretKey: "shpss_only_for_this_bench",
  apiVersion: "2026-10",
  hostName: "hooks.example.com",
  isEmbeddedApp: false,
  // Figures alone go to standard output.
  logger: { log: () => {} },
  scopes: [],
});

// Each gives two functions that throw, or resolve to false, when the signature is bad. The first has the body as the SDK wants it; the second begins, as
// Sluice does, with the bytes that came over the wire.
const peers = {
  stripe: ({ headers, body, secret, now }) => {
    const text = body.toString("utf8");
    const signature = headers["stripe-signature"];
    return {
      // The SDK parses the event with it.
      verify: () => stripe.webhooks.signature.verifyHeader(text, signature, secret, 300, undefined, now * 1000),
      named: () => {
        const event = stripe.webhooks.constructEvent(body.toString("utf8"), signature, secret, 300, undefined, now * 1000);
        return event.id && event.type;
      },
    };
  },
  twilio_form: ({ headers, body, secret, url }) => {
    const text = body.toString("utf8");
    const signature = headers["x-twilio-signature"];
    const parameters = { ...parseForm(text) };
    return {
      verify: () => twilio.validateRequest(secret, signature, url, parameters),
      named: () => {
        const parameters = { ...parseForm(body.toString("utf8")) };
        return twilio.validateRequest(secret, signature, url, parameters) && parameters.MessageSid && parameters.MessageStatus;
      },
    };
  },
  twilio_json: ({ headers, body, secret, url }) => {
    const text = body.toString("utf8");
    const signature = headers["x-twilio-signature"];
    const verify = (text) => twilio.validateRequestWithBody(secret, signature, url, text);
    const named = () => {
      const text = body.toString("utf8");
      return verify(text) && JSON.parse(text).MessageSid;
    };
    return { verify: () => verify(text), named };
  },
  github: ({ headers, body, secret }) => {
    const text = body.toString("utf8");
    const verify = (text) => verifyGitHub(secret, text, headers["x-hub-signature-256"]);
    const named = async () => {
      const text = body.toString("utf8");
      return (await verify(text)) && JSON.parse(text).action;
    };
    return { verify: () => verify(text), named };
  },
  shopify: ({ headers, body, url }) => {
    const text = body.toString("utf8");
    const rawRequest = { method: "POST", url, headers };
    const verify = async (text) => (await shopify.webhooks.validate({ rawBody: text, rawRequest, rawResponse: {} })).valid;
    const named = async () => {
      const text = body.toString("utf8");
      return (await verify(text)) && JSON.parse(text).id;
    };
    return { verify: () => verify(text), named };
  },
  standard: ({ headers, body, secret }) => {
    const text = body.toString("utf8");
    const webhook = new Webhook(secret);
    // The library verifies and parses in one go.
    const read = (text) => webhook.verify(text, headers).type;
    return { verify: () => read(text), named: () => read(body.toString("utf8")) };
  },
  // Sendro has no SDK: what its documentation shows.
  sendro: ({ headers, body, secret }) => {
    const verify = () => {
      const expected = Buffer.from(`v1=${createHmac("sha256", secret).update(body).digest("hex")}`);
      const sent = Buffer.from(headers["x-webhook-signature"]);
      return expected.length === sent.length && timingSafeEqual(expected, sent);
    };
    return { verify, named: () => verify() && JSON.parse(body.toString("utf8")).emailId };
  },
};

const now = () => Number(process.hrtime.bigint()) / 1000;

// Microseconds: the least of some rounds, after the compiler has had its time.
async function least(work) {
  if ((await work()) === false) throw new Error("is refused");
  // Waiting for a value that is there already would cost as much as a small verification.
  const waits = work() instanceof Promise;
  const times = async (count) => {
    const began = now();
    if (waits) for (let i = 0; i < count; i++) await work();
    else for (let i = 0; i < count; i++) work();
    return now() - began;
  };
  let count = 1;
  while ((await times(count)) < 5000) count *= 2;
  for (let warm = 0; warm < 300_000; ) warm += await times(count);
  let best = Infinity;
  for (let round = 0; round < 40; round++) best = Math.min(best, (await times(count)) / count);
  return best;
}

for (const given of JSON.parse(readFileSync(process.argv[2], "utf8"))) {
  const work = peers[given.peer]({ ...given, body: Buffer.from(given.body, "base64") });
  const result = { name: given.name, size: given.size, verify_us: await least(work.verify), named_us: await least(work.named) };
  console.log(JSON.stringify(result));
}
