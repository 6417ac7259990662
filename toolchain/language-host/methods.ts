import { type sendUnaryData, type ServerUnaryCall, type ServerWritableStream, status } from "@grpc/grpc-js";

/** A method with one answer. The signal tells that the caller has gone. */
export function unary<Request, Response>(
  answer: (request: Request, cancelled: AbortSignal) => Response | Promise<Response>,
) {
  return (call: ServerUnaryCall<Request, Response>, callback: sendUnaryData<Response>): void => {
    const respond = async () => {
      try {
        callback(null, await answer(call.request, signalOf(call)));
      } catch (error) {
        callback({ code: status.UNKNOWN, details: messageOf(error) });
      }
    };
    void respond();
  };
}

/** A method that sends any number of messages before it ends. */
export function streaming<Request, Message>(
  work: (request: Request, send: (message: Message) => void, cancelled: AbortSignal) => Promise<void>,
) {
  return (call: ServerWritableStream<Request, Message>): void => {
    const send = (message: Message) => void call.write(message);
    const respond = async () => {
      try {
        await work(call.request, send, signalOf(call));
        call.end();
      } catch (error) {
        call.destroy(Object.assign(new Error(messageOf(error)), { code: status.UNKNOWN }));
      }
    };
    void respond();
  };
}

/** Aborted when the caller has gone. */
function signalOf(call: { on(event: "cancelled", listener: () => void): unknown }): AbortSignal {
  const gone = new AbortController();
  call.on("cancelled", () => gone.abort());
  return gone.signal;
}

/** What went wrong, for the engine, which shows it to the user. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
