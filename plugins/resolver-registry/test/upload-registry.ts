import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ServerOptions } from 'node:https';
import { digestOf } from '@slipway/oci';
import { json, ScriptedServer } from './scripted-server.js';

export interface UploadBehaviour {
  /** Answers in place of the registry; true when it did. */
  readonly before?: ((request: IncomingMessage, response: ServerResponse) => boolean | Promise<boolean>) | undefined;
  /** Bytes of the body of the n-th PATCH or PUT with one after which the connection is cut. */
  readonly cutAt?: readonly number[];
  readonly forgetsUploads?: boolean;
  readonly minChunk?: number;
  readonly chunkStatus?: number;
  /** Where uploads go, in place of the registry itself. */
  readonly uploadsAt?: () => string;
  readonly tls?: ServerOptions;
}

/** The upload half of a registry, after distribution-spec, in memory. It misbehaves as it is told. */
export class UploadRegistry implements AsyncDisposable {
  readonly blobs = new Map<string, Buffer>();
  readonly manifests = new Map<string, Buffer>();
  readonly uploads = new Map<string, Buffer>();
  #server: ScriptedServer | undefined;
  #bodies = 0;
  #next = 0;

  private constructor(private readonly behaviour: UploadBehaviour) {}

  static async start(behaviour: UploadBehaviour = {}): Promise<UploadRegistry> {
    const registry = new UploadRegistry(behaviour);
    const { tls } = behaviour;
    registry.#server = await ScriptedServer.start(
      async (request, response) => {
        if ((await behaviour.before?.(request, response)) === true) return;
        await registry.#answer(request, response);
      },
      tls === undefined ? {} : { tls },
    );
    return registry;
  }

  get server(): ScriptedServer {
    if (this.#server === undefined) throw new Error('not started');
    return this.#server;
  }

  get host(): string {
    return this.server.host;
  }

  lines(method: string): string[] {
    return this.server.lines().filter((line) => line.startsWith(`${method} `));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '', `http://${this.host}`);
    const [, kind, last] = /\/(blobs\/uploads|blobs|manifests|referrers)\/([^/]*)$/.exec(url.pathname) ?? [];
    const { method } = request;
    if (kind === 'blobs/uploads' && method === 'POST') return this.#begin(response);
    if (kind === 'blobs/uploads') return this.#continue(request, response, last ?? '', url);
    if (kind === 'manifests' && method === 'PUT') {
      const body = await this.#body(request, response);
      if (body === undefined) return;
      for (const key of [last ?? '', digestOf(body)]) this.manifests.set(key, body);
      response.writeHead(201, { 'docker-content-digest': digestOf(body) }).end();
      return;
    }
    const found = kind === 'referrers' ? undefined : (kind === 'blobs' ? this.blobs : this.manifests).get(last ?? '');
    if (found === undefined) return json(response, 404, { errors: [{ code: 'NOT_FOUND', message: 'no' }] });
    response.writeHead(200, { 'content-length': String(found.length), 'docker-content-digest': digestOf(found) });
    response.end(method === 'HEAD' ? undefined : found);
  }

  #begin(response: ServerResponse): void {
    const id = `u${this.#next++}`;
    this.uploads.set(id, Buffer.alloc(0));
    const { minChunk, uploadsAt } = this.behaviour;
    const headers = {
      location: `${uploadsAt?.() ?? ''}/v2/x/blobs/uploads/${id}?_state=a%2Fb`,
      ...(minChunk === undefined ? {} : { 'oci-chunk-min-length': String(minChunk) }),
    };
    response.writeHead(202, headers).end();
  }

  async #continue(request: IncomingMessage, response: ServerResponse, id: string, url: URL): Promise<void> {
    const so = this.uploads.get(id);
    if (so === undefined) return json(response, 404, { errors: [{ code: 'BLOB_UPLOAD_UNKNOWN', message: 'gone' }] });
    const location = `/v2/x/blobs/uploads/${id}?_state=a%2Fb`;
    const range = `0-${Math.max(0, so.length - 1)}`;
    switch (request.method) {
      case 'DELETE':
        this.uploads.delete(id);
        response.writeHead(204).end();
        return;
      case 'GET':
        if (this.behaviour.forgetsUploads === true) this.uploads.delete(id);
        response.writeHead(this.behaviour.forgetsUploads === true ? 404 : 204, { location, range }).end();
        return;
      case 'PATCH': {
        if (this.behaviour.chunkStatus !== undefined) {
          request.resume();
          return void response.writeHead(this.behaviour.chunkStatus).end();
        }
        const start = Number(/^([0-9]+)-/.exec(String(request.headers['content-range']))?.[1]);
        if (start !== so.length) return void response.writeHead(416, { location, range }).end();
        const body = await this.#body(request, response, (part) => this.uploads.set(id, Buffer.concat([so, part])));
        if (body === undefined) return;
        const now = Buffer.concat([so, body]);
        this.uploads.set(id, now);
        response.writeHead(202, { location, range: `0-${now.length - 1}` }).end();
        return;
      }
      case 'PUT': {
        const body = await this.#body(request, response);
        if (body === undefined) return;
        const whole = Buffer.concat([so, body]);
        const digest = url.searchParams.get('digest') ?? '';
        if (digestOf(whole) !== digest) return json(response, 400, { errors: [{ code: 'DIGEST_INVALID', message: 'other' }] });
        this.blobs.set(digest, whole);
        this.uploads.delete(id);
        response.writeHead(201, { 'docker-content-digest': digest }).end();
        return;
      }
      default:
        response.writeHead(405).end();
    }
  }

  /** Undefined when the connection was cut. */
  async #body(
    request: IncomingMessage,
    response: ServerResponse,
    onCut: (part: Buffer) => void = () => undefined,
  ): Promise<Buffer | undefined> {
    const cutAt = request.headers['content-length'] === '0' ? undefined : this.behaviour.cutAt?.[this.#bodies++];
    const pieces: Buffer[] = [];
    let length = 0;
    try {
      for await (const piece of request as AsyncIterable<Buffer>) {
        pieces.push(piece);
        length += piece.length;
        if (cutAt === undefined || length < cutAt) continue;
        onCut(Buffer.concat(pieces).subarray(0, cutAt));
        response.destroy();
        return undefined;
      }
    } catch {
      // The client has gone; nothing of what it did not end counts.
      return undefined;
    }
    return Buffer.concat(pieces);
  }
}
