import { credentials, Server, ServerCredentials, type ServiceError } from "@grpc/grpc-js";
import engineServices from "@pulumi/pulumi/proto/engine_grpc_pb.js";
import type engine from "@pulumi/pulumi/proto/engine_pb.js";
import services from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import proto from "@pulumi/pulumi/proto/provider_pb.js";
import empty from "google-protobuf/google/protobuf/empty_pb.js";
import struct from "google-protobuf/google/protobuf/struct_pb.js";
import { serve } from "../../providers/dukaan/protocol.js";
import type { ResourceType } from "../../providers/dukaan/resource.js";
import { resourceType } from "../../providers/dukaan/types.js";
import { reveal, type Properties } from "../../providers/dukaan/values.js";

/** What Pulumi's engine keeps of a resource: as it crosses the wire, secrets wrapped. */
export interface State {
  id: string;
  inputs: Properties;
  outputs: Properties;
}

export interface Difference {
  /** Kind by property path. */
  changes: Record<string, string>;
  replaces: string[];
}

/**
 * The engine's side of the provider protocol for single resources, over the real gRPC server: check, then diff, then
 * create, update or replace, and the state in between.
 */
export class TestEngine {
  /** What the provider told the operator. */
  readonly messages: string[] = [];
  readonly states = new Map<string, State>();

  private constructor(
    private readonly client: InstanceType<typeof services.ResourceProviderClient>,
    readonly close: () => void,
  ) {}

  static async start(types: (token: string) => Promise<ResourceType> = resourceType): Promise<TestEngine> {
    const messages: string[] = [];
    const logServer = new Server();
    logServer.addService(engineServices.EngineService, {
      log: (
        call: { request: InstanceType<typeof engine.LogRequest> },
        done: (error: null, answer: object) => void,
      ) => {
        messages.push(call.request.getMessage());
        done(null, new empty.Empty());
      },
    });
    const logPort = await new Promise<number>((resolve, reject) => {
      logServer.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
        if (error) reject(error);
        else resolve(port);
      });
    });
    const provider = await serve({ resourceType: types, engineAddress: `127.0.0.1:${logPort}` });
    const client = new services.ResourceProviderClient(
      `127.0.0.1:${provider.port}`,
      credentials.createInsecure(),
    );
    const started = new TestEngine(client, () => {
      client.close();
      provider.close();
      logServer.forceShutdown();
    });
    Object.assign(started, { messages });
    return started;
  }

  /** @throws Error with all failures, one a line: `property: reason` */
  async check(token: string, news: Properties, olds: Properties = {}): Promise<Properties> {
    const request = new proto.CheckRequest();
    request.setUrn(urnOf(token));
    request.setOlds(toStruct(olds));
    request.setNews(toStruct(news));
    const response = await this.call<InstanceType<typeof proto.CheckResponse>>((done) =>
      this.client.check(request, done),
    );
    const failures = response
      .getFailuresList()
      .map((failure) => `${failure.getProperty()}: ${failure.getReason()}`);
    if (failures.length > 0) throw new Error(failures.join("\n"));
    return fromStruct(response.getInputs());
  }

  async diff(token: string, old: State, news: Properties): Promise<Difference> {
    const request = new proto.DiffRequest();
    request.setId(old.id);
    request.setUrn(urnOf(token));
    request.setOlds(toStruct(old.outputs));
    request.setOldInputs(toStruct(old.inputs));
    request.setNews(toStruct(news));
    const response = await this.call<InstanceType<typeof proto.DiffResponse>>((done) =>
      this.client.diff(request, done),
    );
    const kinds = new Map(
      Object.entries(proto.PropertyDiff.Kind).map(([name, number]) => [Number(number), name.toLowerCase()]),
    );
    const changes: Record<string, string> = {};
    response.getDetaileddiffMap().forEach((detail, path) => {
      changes[path] = kinds.get(detail.getKind()) ?? "";
    });
    expectConsistent(response.getChanges() === proto.DiffResponse.DiffChanges.DIFF_SOME, changes);
    return { changes, replaces: response.getReplacesList() };
  }

  async create(token: string, inputs: Properties, preview = false): Promise<State> {
    const request = new proto.CreateRequest();
    request.setUrn(urnOf(token));
    request.setProperties(toStruct(inputs));
    request.setPreview(preview);
    const response = await this.call<InstanceType<typeof proto.CreateResponse>>((done) =>
      this.client.create(request, done),
    );
    return { id: response.getId(), inputs, outputs: fromStruct(response.getProperties()) };
  }

  async update(token: string, old: State, inputs: Properties, preview = false): Promise<State> {
    const request = new proto.UpdateRequest();
    request.setId(old.id);
    request.setUrn(urnOf(token));
    request.setOlds(toStruct(old.outputs));
    request.setOldInputs(toStruct(old.inputs));
    request.setNews(toStruct(inputs));
    request.setPreview(preview);
    const response = await this.call<InstanceType<typeof proto.UpdateResponse>>((done) =>
      this.client.update(request, done),
    );
    return { id: old.id, inputs, outputs: fromStruct(response.getProperties()) };
  }

  async read(token: string, old: State): Promise<State> {
    const request = new proto.ReadRequest();
    request.setId(old.id);
    request.setUrn(urnOf(token));
    request.setProperties(toStruct(old.outputs));
    request.setInputs(toStruct(old.inputs));
    const response = await this.call<InstanceType<typeof proto.ReadResponse>>((done) =>
      this.client.read(request, done),
    );
    return {
      id: response.getId(),
      inputs: fromStruct(response.getInputs()),
      outputs: fromStruct(response.getProperties()),
    };
  }

  async delete(token: string, old: State): Promise<void> {
    const request = new proto.DeleteRequest();
    request.setId(old.id);
    request.setUrn(urnOf(token));
    request.setProperties(toStruct(old.outputs));
    request.setOldInputs(toStruct(old.inputs));
    await this.call((done) => this.client.delete(request, done));
  }

  async schema(): Promise<string> {
    const response = await this.call<InstanceType<typeof proto.GetSchemaResponse>>((done) =>
      this.client.getSchema(new proto.GetSchemaRequest(), done),
    );
    return response.getSchema();
  }

  async cancel(): Promise<void> {
    await this.call((done) => this.client.cancel(new empty.Empty(), done));
  }

  /** As `pulumi up` does with one resource; the name stands for the resource in the state. */
  async up(token: string, name: string, program: Properties): Promise<Properties> {
    const old = this.states.get(name);
    const inputs = await this.check(token, program, old?.inputs);
    if (!old) {
      this.states.set(name, await this.create(token, inputs));
    } else {
      const { changes, replaces } = await this.diff(token, old, inputs);
      if (replaces.length > 0) {
        this.states.set(name, await this.create(token, inputs));
        await this.delete(token, old);
      } else if (Object.keys(changes).length > 0) {
        this.states.set(name, await this.update(token, old, inputs));
      }
    }
    return this.outputs(name);
  }

  /** As `pulumi preview --refresh`: what is there is read, and compared with the program. */
  async drift(token: string, name: string, program: Properties): Promise<Record<string, string>> {
    const old = this.state(name);
    const found = await this.read(token, old);
    this.states.set(name, found);
    const inputs = await this.check(token, program, found.inputs);
    return (await this.diff(token, found, inputs)).changes;
  }

  state(name: string): State {
    const state = this.states.get(name);
    if (!state) throw new Error(`${name} is not in the state`);
    return state;
  }

  /** Without secret wrappers. */
  outputs(name: string): Properties {
    return reveal(this.state(name).outputs);
  }

  private call<Response>(
    start: (done: (error: ServiceError | null, response: Response) => void) => unknown,
  ): Promise<Response> {
    return new Promise((resolve, reject) => {
      start((error, response) => {
        if (error) reject(new Error(error.details));
        else resolve(response);
      });
    });
  }
}

function expectConsistent(isChanged: boolean, changes: Record<string, string>): void {
  if (isChanged !== Object.keys(changes).length > 0) throw new Error("the diff contradicts its details");
}

function urnOf(token: string): string {
  return `urn:pulumi:test::dukaan::${token}::it`;
}

function toStruct(properties: Properties) {
  return struct.Struct.fromJavaScript(properties);
}

function fromStruct(message: InstanceType<typeof struct.Struct> | undefined): Properties {
  return message?.toJavaScript() ?? {};
}
