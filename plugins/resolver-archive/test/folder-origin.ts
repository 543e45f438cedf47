import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Origin, PublishedImage } from '@slipway/plugin-testkit';
import { pack } from 'tar-stream';

const refName = 'org.opencontainers.image.ref.name';

interface Index {
  readonly manifests: readonly { readonly annotations?: Readonly<Record<string, string>> }[];
}

/** Image layouts, one a repository, written without any of our code. */
export class FolderOrigin implements Origin {
  constructor(
    private readonly folder: string,
    private readonly form: 'oci' | 'oci-archive' | 'oci-archive.gz',
  ) {
    mkdirSync(folder, { recursive: true });
  }

  name(repository: string): string {
    const file = path.join(this.folder, repository);
    return this.form === 'oci' ? `oci:${file}` : `oci-archive:${file}.tar`;
  }

  async publish(repository: string, { tag, manifest, blobs }: PublishedImage): Promise<void> {
    const layout = path.join(this.folder, repository);
    for (const { descriptor, bytes } of [...blobs, manifest]) {
      const file = path.join(layout, 'blobs', ...descriptor.digest.split(':'));
      mkdirSync(path.dirname(file), { recursive: true });
      writeFileSync(file, bytes);
    }
    writeFileSync(path.join(layout, 'oci-layout'), '{"imageLayoutVersion": "1.0.0"}');
    const index = path.join(layout, 'index.json');
    const before = existsSync(index) ? (JSON.parse(readFileSync(index, 'utf8')) as Index).manifests : [];
    const entry = { ...manifest.descriptor, annotations: { [refName]: tag } };
    const manifests = [...before.filter((one) => one.annotations?.[refName] !== tag), ...(tag === undefined ? [] : [entry])];
    writeFileSync(index, JSON.stringify({ schemaVersion: 2, manifests }));
    if (this.form !== 'oci') await this.#pack(layout, `${layout}.tar`);
  }

  stall(): void {
    throw new Error('files do not stall');
  }

  requests(): number {
    return 0;
  }

  active(): number {
    return 0;
  }

  sent(): number {
    return 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  async #pack(layout: string, file: string): Promise<void> {
    const tar = pack();
    const index = JSON.parse(readFileSync(path.join(layout, 'index.json'), 'utf8')) as object;
    tar.entry({ name: './oci-layout' }, readFileSync(path.join(layout, 'oci-layout')));
    tar.entry({ name: './index.json' }, JSON.stringify(index));
    for (const hex of readdirSync(path.join(layout, 'blobs/sha256')))
      tar.entry({ name: `./blobs/sha256/${hex}` }, readFileSync(path.join(layout, 'blobs/sha256', hex)));
    tar.finalize();
    const chunks: Buffer[] = [];
    for await (const chunk of tar) chunks.push(Buffer.from(chunk as Uint8Array));
    const bytes = Buffer.concat(chunks);
    writeFileSync(file, this.form === 'oci-archive.gz' ? gzipSync(bytes) : bytes);
  }
}
