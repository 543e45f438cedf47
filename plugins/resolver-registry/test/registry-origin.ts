import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Origin, PublishedImage } from '@slipway/plugin-testkit';
import type { DockerRegistry } from './docker-registry.js';
import { pushBlob, pushManifest } from './push-image.js';

/**
 * A real registry behind a proxy that wants basic authentication, counts, and can fall silent. Repositories of the same name in two
 * origins are two, as `scope` tells them apart.
 */
export class RegistryOrigin implements Origin {
  readonly #registry: DockerRegistry;
  readonly #scope: string;
  readonly #server = createServer((asked, answer) => this.#pass(asked, answer));
  readonly #answers = new Set<ServerResponse>();
  #requests = 0;
  #sent = 0;
  #stalledAfter = Number.POSITIVE_INFINITY;

  readonly #authorization: string;
  #host = '';

  private constructor(registry: DockerRegistry, scope: string, authorization: string) {
    this.#registry = registry;
    this.#scope = scope;
    this.#authorization = authorization;
  }

  static async start(registry: DockerRegistry, scope: string, authorization: string): Promise<RegistryOrigin> {
    const origin = new RegistryOrigin(registry, scope, authorization);
    await new Promise<void>((resolve) => origin.#server.listen(0, '127.0.0.1', resolve));
    origin.#host = `127.0.0.1:${(origin.#server.address() as AddressInfo).port}`;
    return origin;
  }

  get host(): string {
    return this.#host;
  }

  name(repository: string): string {
    return `${this.host}/${this.#scope}/${repository}`;
  }

  async publish(repository: string, { tag, manifest, blobs }: PublishedImage): Promise<void> {
    const target = { origin: `http://${this.#registry.host}` };
    const path = `${this.#scope}/${repository}`;
    for (const { descriptor, bytes } of blobs) await pushBlob(target, path, bytes, descriptor.mediaType);
    const { mediaType, digest } = manifest.descriptor;
    await pushManifest(target, path, tag ?? digest, manifest.bytes, mediaType);
  }

  stall(bytes: number): void {
    this.#stalledAfter = bytes;
  }

  requests(): number {
    return this.#requests;
  }

  active(): number {
    return this.#answers.size;
  }

  sent(): number {
    return this.#sent;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #pass(asked: IncomingMessage, answer: ServerResponse): void {
    if (asked.headers.authorization !== this.#authorization) {
      answer.writeHead(401, { 'www-authenticate': 'Basic realm="origin"' }).end();
      return;
    }
    this.#requests += 1;
    this.#answers.add(answer);
    answer.once('close', () => this.#answers.delete(answer));
    if (this.#stalledAfter === 0) return;
    const { authorization: _, ...headers } = asked.headers;
    const forwarded = request(
      { host: '127.0.0.1', port: this.#registry.port, method: asked.method, path: asked.url, headers },
      (found) => {
        answer.writeHead(found.statusCode ?? 502, found.headers);
        this.#copy(found, answer).catch(() => undefined);
      },
    );
    forwarded.on('error', () => answer.destroy());
    answer.once('close', () => forwarded.destroy());
    asked.pipe(forwarded);
  }

  async #copy(found: IncomingMessage, answer: ServerResponse): Promise<void> {
    const closed = once(answer, 'close');
    let left = this.#stalledAfter;
    for await (const chunk of found as AsyncIterable<Buffer>) {
      const piece = chunk.subarray(0, Math.min(left, chunk.length));
      left -= piece.length;
      this.#sent += piece.length;
      const isTaken = answer.write(piece);
      if (left === 0) await closed;
      if (!isTaken) await Promise.race([once(answer, 'drain'), closed]);
      if (answer.destroyed) return;
    }
    answer.end();
  }
}
