import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { digestOf, mediaTypes } from '@slipway/oci';
import { type Descriptor, type Policy, type PolicyRequest, SlipwayError, throwIfAborted } from '@slipway/plugin-api';
import { MemoryRegistry, memoryResolver, type OpenSubject, type PolicyBench, type PolicyCase } from '@slipway/plugin-testkit';

/** What lies beside an image that is approved: its own digest, as content. */
const approvalOf = (target: Descriptor): Buffer => Buffer.from(`approved ${target.digest}`);
const maxApprovalBytes = 1000;

/** The smallest policy with a source and a memory: an image may be used whose approval lies beside it. */
export class ApprovalPolicy implements Policy, Disposable {
  #closed = false;

  constructor(readonly root: string) {}

  async check(request: PolicyRequest): Promise<void> {
    if (this.#closed) throw new SlipwayError({ kind: 'canceled', code: 'CLOSED', message: 'the policy was closed' });
    throwIfAborted('check', request.signal);
    if (this.isKept(request)) return;
    const bytes = await this.approval(request);
    if (!bytes.equals(approvalOf(request.target))) throw this.refusal(request);
    this.keep(request);
  }

  isKept({ target }: PolicyRequest): boolean {
    return existsSync(this.#file(target));
  }

  keep({ target }: PolicyRequest): void {
    writeFileSync(this.#file(target), '');
  }

  async approval(request: PolicyRequest): Promise<Buffer> {
    const { name, target, source, signal } = request;
    const resolved = await source
      .resolve(`${name.replace(/:[^/]*$/, '')}:approval-${target.digest.slice(7, 19)}`, { signal })
      .catch((error: unknown) => {
        if (error instanceof SlipwayError && error.kind === 'not-found') throw this.refusal(request);
        throw error;
      });
    await using fetched = await source.fetcher.fetch(resolved.descriptor, { signal });
    const chunks: Uint8Array[] = [];
    for await (const chunk of fetched.body) {
      chunks.push(chunk);
      if (chunks.reduce((sum, { length }) => sum + length, 0) > maxApprovalBytes) throw this.refusal(request);
    }
    return Buffer.concat(chunks);
  }

  refusal({ name }: PolicyRequest): SlipwayError {
    return new SlipwayError({
      kind: 'permission-denied',
      code: 'NOT_APPROVED',
      message: `nobody has approved of "${name}", which it takes`,
    });
  }

  [Symbol.dispose](): void {
    this.#closed = true;
  }

  #file({ digest }: Descriptor): string {
    return join(this.root, digest.replace(':', '-'));
  }
}

/** The policy on a registry in memory that has images with and without an approval. */
export const opener =
  (make: (root: string) => ApprovalPolicy): OpenSubject<PolicyBench> =>
  async (root) => {
    const registry = new MemoryRegistry();
    const resolver = memoryResolver(registry, { idleTimeoutMs: 200 });
    const policy = make(root);
    let count = 0;
    const image = (isApproved: boolean): PolicyCase => {
      const repository = `team/app${++count}`;
      const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, repository, salt: root }));
      const target = { mediaType: mediaTypes.ociManifest, digest: digestOf(bytes), size: bytes.length };
      const approval = approvalOf(target);
      const descriptor = { mediaType: mediaTypes.ociLayer, digest: digestOf(approval), size: approval.length };
      const tag = `approval-${target.digest.slice(7, 19)}`;
      // In memory it is there when this returns.
      if (isApproved) void registry.publish(repository, { tag, manifest: { descriptor, bytes: approval }, blobs: [] });
      const name = registry.name(repository);
      return {
        name: `${name}:1`,
        target,
        source: {
          resolve: (...question) => resolver.resolve(...question),
          referrers: async () => [],
          fetcher: resolver.fetcher(name),
        },
      };
    };
    return {
      instance: { policy, allowed: () => image(true), refused: () => image(false) },
      capabilities: {},
      async [Symbol.asyncDispose]() {
        policy[Symbol.dispose]();
      },
    };
  };
