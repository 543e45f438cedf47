import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type BuiltImage, json } from './built-image.ts';

/** Answers instead of the registry; true when it did. */
export type Script = (request: IncomingMessage, response: ServerResponse) => boolean;

/** A registry over HTTP on a free loopback port that serves what it is given, and lies as it is told. */
export class ScriptedRegistry implements AsyncDisposable {
  readonly #tags = new Map<string, BuiltImage>();
  readonly #scripts = new Map<string, Script>();
  readonly #server = createServer((request, response) => this.#answer(request, response));

  static async start(): Promise<ScriptedRegistry> {
    const registry = new ScriptedRegistry();
    await new Promise<void>((resolve) => registry.#server.listen(0, '127.0.0.1', resolve));
    return registry;
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Serves the image under `repository:latest` and answers with its whole name. With a script, that one answers first. */
  serve(repository: string, image: BuiltImage, script?: Script): string {
    this.#tags.set(repository, image);
    if (script === undefined) this.#scripts.delete(repository);
    else this.#scripts.set(repository, script);
    return `${this.address}/${repository}:latest`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    response.on('error', () => undefined);
    const [, repository = '', kind, reference = ''] =
      /^\/v2\/(.+)\/(manifests|blobs|tags)\/([^/]+)$/.exec(request.url ?? '') ?? [];
    const image = this.#tags.get(repository);
    if (image === undefined) sendError(response, 'NAME_UNKNOWN');
    else if (this.#scripts.get(repository)?.(request, response)) return;
    else if (kind === 'tags') send(request, response, 'application/json', json({ name: repository, tags: ['latest'] }));
    else if (kind === 'blobs') sendBlob(request, response, image.blobs.get(reference));
    else sendDocument(request, response, image, reference.includes(':') ? reference : tagged(image, reference));
  }
}

function tagged(image: BuiltImage, tag: string): string {
  return tag === 'latest' ? image.top.digest : '';
}

function sendBlob(request: IncomingMessage, response: ServerResponse, bytes: Buffer | undefined): void {
  if (bytes === undefined) sendError(response, 'BLOB_UNKNOWN');
  else send(request, response, 'application/octet-stream', bytes);
}

function sendDocument(request: IncomingMessage, response: ServerResponse, image: BuiltImage, digest: string): void {
  const document = image.documents.get(digest);
  if (document === undefined) sendError(response, 'MANIFEST_UNKNOWN');
  else send(request, response, document.mediaType, document.bytes, { 'docker-content-digest': digest });
}

export function send(
  request: IncomingMessage,
  response: ServerResponse,
  type: string,
  bytes: Buffer,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(200, { 'content-type': type, 'content-length': String(bytes.length), ...headers });
  response.end(request.method === 'HEAD' ? undefined : bytes);
}

function sendError(response: ServerResponse, code: string): void {
  response.writeHead(404, { 'content-type': 'application/json' }).end(JSON.stringify({ errors: [{ code }] }));
}
