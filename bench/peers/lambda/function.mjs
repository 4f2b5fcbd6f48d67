// The job of Sluice's Stripe function, as it is usually written: verify over the raw body, name the event, queue it, answer once it is queued.
import { SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import Stripe from "stripe";

const queue = new SQSClient({});
const QueueUrl = process.env.SLUICE_INBOUND_QUEUE_URL;
const secret = process.env.STRIPE_WEBHOOK_SECRET;

function answer(statusCode, body) {
  return { statusCode, headers: { "content-type": "application/json" }, body };
}

export async function handler(request) {
  const body = request.isBase64Encoded ? Buffer.from(request.body, "base64").toString() : request.body;
  let event;
  try {
    event = Stripe.webhooks.constructEvent(body, request.headers["stripe-signature"], secret);
  } catch {
    return answer(400, "The signature is missing or wrong.\n");
  }
  const message = { provider: "stripe", key: event.id, type: event.type, occurred_at: event.created, received_at: new Date().toISOString(), body };
  await queue.send(new SendMessageCommand({ QueueUrl, MessageBody: JSON.stringify(message) }));
  return answer(200, '{"received":true}');
}
