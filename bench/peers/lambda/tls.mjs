// Ends TLS in front of the emulator, which speaks plain HTTP: what a function does to reach AWS is measured with its handshake.
// node tls.mjs KEY CERTIFICATE PORT EMULATOR_PORT
import { readFileSync } from "node:fs";
import net from "node:net";
import tls from "node:tls";

const [key, cert, port, emulator] = process.argv.slice(2);
tls
  // Without a delay, as AWS answers: the emulator writes head and body one after the other, and the second would wait for an acknowledgement.
  .createServer({ key: readFileSync(key), cert: readFileSync(cert), ALPNProtocols: ["http/1.1"], noDelay: true }, (client) => {
    const server = net.connect({ host: "127.0.0.1", port: Number(emulator), noDelay: true });
    client.pipe(server).pipe(client);
    client.on("error", () => server.destroy());
    server.on("error", () => client.destroy());
  })
  .listen(Number(port), "127.0.0.1", () => console.log("ready"));
