/**
 * Pulumi's language host for Node.js: the process through which the engine runs a program written in JavaScript.
 * The engine starts it, reads the port from the first line of its output and talks gRPC to it.
 *
 * Protocol: https://github.com/pulumi/pulumi/blob/v3.259.0/proto/pulumi/language.proto
 */
import { parseArgs } from "node:util";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { LanguageRuntimeService } from "@pulumi/pulumi/proto/language_grpc_pb.js";
import { stopPrograms } from "./process.js";
import { languageRuntime, version } from "./service.js";

const { values, positionals } = parseArgs({
  options: { version: { type: "boolean" } },
  strict: false,
  allowPositionals: true,
});

if (values["version"]) {
  process.stdout.write(`v${version}\n`);
} else {
  serve(positionals[0] ?? "");
}

function serve(engineAddress: string): void {
  const server = new Server({
    // As the engine's own limit: whole programs' worth of inputs may arrive in one message.
    "grpc.max_receive_message_length": 400 * 1024 * 1024,
    "grpc.max_send_message_length": 400 * 1024 * 1024,
  });
  server.addService(LanguageRuntimeService, languageRuntime(engineAddress));
  server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
    if (error) throw error;
    process.stdout.write(`${port}\n`);
  });

  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
  // The engine holds the other end: it closes when the engine ends, even if it is killed.
  process.stdin.once("end", stop).once("close", stop).resume();
}

function stop(): never {
  stopPrograms();
  process.exit(0);
}
