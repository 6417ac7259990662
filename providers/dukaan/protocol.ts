import { credentials, Server, ServerCredentials, status } from "@grpc/grpc-js";
import type { sendUnaryData, ServerUnaryCall, UntypedServiceImplementation } from "@grpc/grpc-js";
import engineServices from "@pulumi/pulumi/proto/engine_grpc_pb.js";
import engine from "@pulumi/pulumi/proto/engine_pb.js";
import plugin from "@pulumi/pulumi/proto/plugin_pb.js";
import providerServices from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import proto from "@pulumi/pulumi/proto/provider_pb.js";
import empty from "google-protobuf/google/protobuf/empty_pb.js";
import struct, { type Struct } from "google-protobuf/google/protobuf/struct_pb.js";
import {
  ProviderError,
  type CheckFailure,
  type Context,
  type DiffKind,
  type ResourceType,
} from "./resource.js";
import { resourceSpec, packageSchema, packageVersion, schemaTypes } from "./schema.js";
import { createMask } from "./mask.js";
import { validate } from "./validate.js";
import { reveal, secretTexts, type Properties } from "./values.js";

/**
 * Pulumi's provider protocol (pulumirpc.ResourceProvider) on the SDK's own message classes.
 *
 * The SDK's `provider.main` is not used because its interface has no room for detailed diffs (which file changes),
 * for previews of `create`, for old inputs or for `pulumi import`, and loads the whole SDK at each preview.
 */
export interface ProviderOptions {
  /** Loads what handles a type; called when the first resource of that type turns up, so that start-up stays quick. */
  resourceType(token: string): Promise<ResourceType>;
  /** Address of the engine, to which messages for the operator go. */
  engineAddress?: string | undefined;
}

/** Serves on a free loopback port, which it returns. */
export async function serve(options: ProviderOptions): Promise<{ port: number; close: () => void }> {
  const server = new Server({
    "grpc.max_receive_message_length": maxMessage,
    "grpc.max_send_message_length": maxMessage,
  });
  server.addService(providerServices.ResourceProviderService, createService(options));
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) => {
      if (error) reject(error);
      else resolve(bound);
    });
  });
  return { port, close: () => server.forceShutdown() };
}

const maxMessage = 400 * 1024 * 1024; // the engine's own limit

export function createService(options: ProviderOptions): UntypedServiceImplementation {
  const abort = new AbortController();
  let log = connectLog(options.engineAddress);

  /** Runs what may touch the world; no message of it leaves with a secret of the given properties. */
  async function guarded<Result>(
    request: { getUrn(): string },
    preview: boolean,
    secretsOf: (Struct | undefined)[],
    run: (type: ResourceType, context: Context) => Promise<Result>,
  ): Promise<Result> {
    const urn = request.getUrn();
    const mask = createMask(secretsOf.flatMap((message) => secretTexts(toProperties(message))));
    try {
      return await run(await typeOf(urn), {
        preview,
        signal: abort.signal,
        log: (severity, message) => log(urn, severity, mask(message), false),
        progress: (message) => log(urn, "info", mask(message), true),
      });
    } catch (error) {
      throw new ProviderError(mask(describe(error)));
    }
  }
  const typeOf = (urn: string) => options.resourceType(tokenOf(urn));

  return {
    handshake: answer((request: InstanceType<typeof proto.ProviderHandshakeRequest>) => {
      log = connectLog(request.getEngineAddress() || options.engineAddress);
      const response = new proto.ProviderHandshakeResponse();
      response.setAcceptSecrets(true);
      return response;
    }),
    attach: answer((request: InstanceType<typeof plugin.PluginAttach>) => {
      log = connectLog(request.getAddress());
      return new empty.Empty();
    }),
    configure: answer(() => {
      const response = new proto.ConfigureResponse();
      response.setAcceptsecrets(true);
      response.setSupportspreview(true);
      return response;
    }),
    checkConfig: answer((request: InstanceType<typeof proto.CheckRequest>) => {
      const response = new proto.CheckResponse();
      response.setInputs(request.getNews());
      return response;
    }),
    diffConfig: answer(() => new proto.DiffResponse()),
    getPluginInfo: answer(() => {
      const response = new plugin.PluginInfo();
      response.setVersion(packageVersion);
      return response;
    }),
    getSchema: answer(() => {
      const response = new proto.GetSchemaResponse();
      response.setSchema(JSON.stringify(packageSchema()));
      return response;
    }),
    cancel: answer(() => {
      abort.abort(new ProviderError("cancelled by the operator; run it again to finish what was begun"));
      return new empty.Empty();
    }),

    check: answer(async (request: InstanceType<typeof proto.CheckRequest>) => {
      const token = tokenOf(request.getUrn());
      const type = await options.resourceType(token);
      const spec = resourceSpec(token);
      const valid = validate(
        toProperties(request.getNews()),
        spec.inputProperties,
        spec.requiredInputs,
        schemaTypes,
      );
      const olds = revealed(request.getOlds());
      // A further judgement may rely on the shape, so it is asked only when the shape is right.
      if (valid.failures.length === 0 && type.check)
        valid.failures.push(
          ...type.check(reveal(valid.inputs), Object.keys(olds).length > 0 ? olds : undefined, valid.inputs),
        );
      const response = new proto.CheckResponse();
      response.setInputs(toStruct(type.store ? type.store(valid.inputs) : valid.inputs));
      response.setFailuresList(valid.failures.map(toFailure));
      return response;
    }),

    diff: answer(async (request: InstanceType<typeof proto.DiffRequest>) => {
      const type = await typeOf(request.getUrn());
      const [olds = {}, oldInputs = {}, news = {}] = [
        request.getOlds(),
        request.getOldInputs(),
        request.getNews(),
      ].map(revealed);
      const { changes, replaces = [] } = type.diff({ id: request.getId(), olds, oldInputs, news });
      const paths = Object.entries(changes);
      const response = new proto.DiffResponse();
      response.setChanges(proto.DiffResponse.DiffChanges[paths.length > 0 ? "DIFF_SOME" : "DIFF_NONE"]);
      response.setDiffsList([...new Set(paths.map(([path]) => rootOf(path)))]);
      response.setReplacesList(replaces);
      response.setHasdetaileddiff(true);
      for (const [path, kind] of paths) {
        const property = new proto.PropertyDiff();
        property.setKind(proto.PropertyDiff.Kind[kinds[kind][replaces.includes(path) ? 1 : 0]]);
        // The engine shows both sides from the inputs, or from the state for what only the outputs have.
        property.setInputdiff(!(rootOf(path) in olds) || rootOf(path) in news);
        response.getDetaileddiffMap().set(path, property);
      }
      return response;
    }),

    create: answer(async (request: InstanceType<typeof proto.CreateRequest>) => {
      const properties = request.getProperties();
      const created = await guarded(request, request.getPreview(), [properties], (type, context) =>
        type.create(revealed(properties), context),
      );
      const response = new proto.CreateResponse();
      response.setId(created.id);
      response.setProperties(toStruct(created.outputs));
      return response;
    }),

    update: answer(async (request: InstanceType<typeof proto.UpdateRequest>) => {
      const structs = [request.getOlds(), request.getOldInputs(), request.getNews()];
      const [olds = {}, oldInputs = {}, news = {}] = structs.map(revealed);
      const outputs = await guarded(request, request.getPreview(), structs, async (type, context) => {
        if (!type.update) throw new ProviderError("this resource cannot be updated, only replaced");
        return type.update({ id: request.getId(), olds, oldInputs, news }, context);
      });
      const response = new proto.UpdateResponse();
      response.setProperties(toStruct(outputs));
      return response;
    }),

    read: answer(async (request: InstanceType<typeof proto.ReadRequest>) => {
      const [properties, inputs] = [request.getProperties(), request.getInputs()];
      if (Object.keys(toProperties(inputs)).length === 0)
        throw new ProviderError(
          `${tokenOf(request.getUrn())} cannot be imported: only the program knows its inputs. Run \`pulumi up\`; it takes over what is there.`,
        );
      const recorded = {
        id: request.getId(),
        outputs: toProperties(properties),
        inputs: toProperties(inputs),
      };
      const found = await guarded(request, false, [properties, inputs], async (type, context) =>
        type.read
          ? type.read({ ...recorded, inputs: revealed(inputs), wrapped: recorded.inputs }, context)
          : recorded,
      );
      const response = new proto.ReadResponse();
      response.setId(request.getId());
      response.setProperties(toStruct(found.outputs));
      response.setInputs(toStruct(found.inputs));
      return response;
    }),

    delete: answer(async (request: InstanceType<typeof proto.DeleteRequest>) => {
      const wrapped = toProperties(request.getOldInputs());
      const structs = [request.getProperties(), request.getOldInputs()];
      await guarded(request, false, structs, async (type, context) =>
        type.delete?.(
          {
            id: request.getId(),
            inputs: reveal(wrapped),
            wrapped,
            outputs: toProperties(request.getProperties()),
          },
          context,
        ),
      );
      return new empty.Empty();
    }),
  };
}

/** Turns a function into a gRPC handler; an error reaches the operator with its message alone. */
function answer<Request, Response>(handle: (request: Request) => Response | Promise<Response>) {
  const respond = async (request: Request, callback: sendUnaryData<Response>) => {
    let response: Response;
    try {
      response = await handle(request);
    } catch (error) {
      callback({ code: status.UNKNOWN, details: describe(error) });
      return;
    }
    callback(null, response);
  };
  return (call: ServerUnaryCall<Request, Response>, callback: sendUnaryData<Response>): void => {
    void respond(call.request, callback);
  };
}

function describe(error: unknown): string {
  if (error instanceof ProviderError) return error.message;
  // Not foreseen: the stack helps whoever has to repair the provider.
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function connectLog(address: string | undefined) {
  let client: InstanceType<typeof engineServices.EngineClient> | undefined;
  return (urn: string, severity: "info" | "warning", message: string, ephemeral: boolean): void => {
    if (!address) return;
    client ??= new engineServices.EngineClient(address, credentials.createInsecure());
    const request = new engine.LogRequest();
    request.setSeverity(engine.LogSeverity[severity === "info" ? "INFO" : "WARNING"]);
    request.setMessage(message);
    request.setUrn(urn);
    request.setEphemeral(ephemeral);
    client.log(request, () => {}); // a lost line must not fail the work
  };
}

/** `urn:pulumi:stack::project::parent$type::name` → `type`. */
function tokenOf(urn: string): string {
  return urn.split("::")[2]?.split("$").at(-1) ?? urn;
}

/** `files["/etc/motd"]` → `files`. */
function rootOf(path: string): string {
  return path.replace(/[.[].*/s, "");
}

const kinds = {
  add: ["ADD", "ADD_REPLACE"],
  update: ["UPDATE", "UPDATE_REPLACE"],
  delete: ["DELETE", "DELETE_REPLACE"],
} as const satisfies Record<DiffKind, unknown>;

function toFailure({ property, reason }: CheckFailure) {
  const failure = new proto.CheckFailure();
  failure.setProperty(property);
  failure.setReason(reason);
  return failure;
}

function toProperties(message: Struct | undefined): Properties {
  return message?.toJavaScript() ?? {};
}

function revealed(message: Struct | undefined): Properties {
  return reveal(toProperties(message));
}

function toStruct(properties: Properties): Struct {
  return struct.Struct.fromJavaScript(properties);
}
