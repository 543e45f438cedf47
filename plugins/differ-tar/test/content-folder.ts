import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { open, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type ContentStore, type Descriptor, SlipwayError } from '@slipway/plugin-api';

/** As much of a content store as a differ uses: blobs as plain files of a folder. */
export class ContentFolder {
  readonly #folder: string;
  readonly #givesFd: boolean;

  constructor(folder: string, options: { readonly givesFd?: boolean } = {}) {
    this.#folder = folder;
    this.#givesFd = options.givesFd ?? true;
    mkdirSync(folder, { recursive: true });
  }

  async put(content: Buffer, mediaType = 'application/vnd.oci.image.layer.v1.tar+gzip'): Promise<Descriptor> {
    const hex = createHash('sha256').update(content).digest('hex');
    await writeFile(path.join(this.#folder, hex), content);
    return { mediaType, digest: `sha256:${hex}`, size: content.length };
  }

  get store(): ContentStore {
    return { readerAt: (digest: string) => this.#readerAt(digest) } satisfies Pick<
      ContentStore,
      'readerAt'
    > as unknown as ContentStore;
  }

  async #readerAt(digest: string) {
    const file = await open(path.join(this.#folder, digest.slice('sha256:'.length))).catch((cause: unknown) => {
      throw new SlipwayError({ kind: 'not-found', code: 'CONTENT_NOT_FOUND', message: `read "${digest}": no such blob`, cause });
    });
    const { size } = await file.stat();
    return {
      size,
      ...(this.#givesFd ? { fd: file.fd } : {}),
      read: async (target: Uint8Array, position: number) => (await file.read(target, 0, target.length, position)).bytesRead,
      [Symbol.asyncDispose]: () => file.close(),
    };
  }
}
