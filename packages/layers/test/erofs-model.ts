import type { ErofsData, ErofsForm, ErofsImageWriter, ErofsInode } from '@slipway/layers';
import fc from 'fast-check';
import { describe, type Item, type Items, join } from './erofs-listing.js';

export interface ModelAttributes {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeSeconds: number;
  readonly mtimeNanoseconds: number;
  readonly xattrs: readonly { readonly name: string; readonly value: Buffer }[];
}

interface ModelNode {
  readonly type: string;
  attributes: ModelAttributes;
  readonly content?: Buffer | string;
  readonly children: Map<string, ModelNode>;
  readonly inode: ErofsInode;
}

/** Parts of a file, each of so many bytes of one value. */
export type FileParts = readonly (readonly [length: number, value: number])[];

export type Operation = { readonly directory: number; readonly name: string; readonly attributes: ModelAttributes } & (
  | { readonly kind: 'directory' | 'unlink' | 'fifo' | 'attributes' }
  | { readonly kind: 'file'; readonly parts: FileParts; readonly chunk: number }
  | { readonly kind: 'symlink'; readonly target: string }
  | { readonly kind: 'character' | 'block'; readonly major: number; readonly minor: number }
  | { readonly kind: 'link'; readonly of: number }
);

/** A file in a tar archive: so many bytes, padded to 512. */
export interface Archive {
  readonly parts: Buffer[];
  bytes: number;
}

/** Does the operations with a writer, and the same in plain objects. */
export class Model {
  readonly #writer: ErofsImageWriter;
  readonly #archive: Archive | undefined;
  readonly #root: ModelNode;
  readonly #directories: ModelNode[];
  readonly #leaves: ModelNode[] = [];

  constructor(writer: ErofsImageWriter, root: ModelAttributes, archive?: Archive, inode = writer.root) {
    this.#writer = writer;
    this.#archive = archive;
    this.#root = { type: 'directory', attributes: root, children: new Map(), inode };
    this.#directories = [this.#root];
  }

  do(operation: Operation): void {
    const parent = this.#directories[operation.directory % this.#directories.length] ?? this.#root;
    const { name } = operation;
    const attributes = visible(operation);
    if (operation.kind === 'unlink') {
      this.#writer.unlink(parent.inode, name);
      parent.children.delete(name);
      return;
    }
    if (operation.kind === 'attributes') {
      this.#writer.setAttributes(parent.inode, attributes);
      parent.attributes = attributes;
      return;
    }
    if (operation.kind === 'link') {
      const target = this.#leaves[operation.of % this.#leaves.length];
      if (!target) return;
      this.#writer.link(parent.inode, name, target.inode);
      parent.children.set(name, target);
      return;
    }
    const node = this.#make(parent, operation);
    parent.children.set(name, node);
    (node.type === 'directory' ? this.#directories : this.#leaves).push(node);
  }

  items(): Items {
    const items: Record<string, Item> = {};
    const seen = new Map<ModelNode, string>();
    const links = new Map<ModelNode, number>();
    const count = (node: ModelNode): void => {
      links.set(node, (links.get(node) ?? 0) + 1);
      for (const child of node.children.values()) count(child);
    };
    count(this.#root);
    const visit = (node: ModelNode, path: string): void => {
      const { type, attributes, content } = node;
      const sameAs = type === 'directory' ? undefined : seen.get(node);
      if (sameAs === undefined) seen.set(node, path);
      const subdirectories = [...node.children.values()].filter((child) => child.type === 'directory').length;
      items[path] = {
        type,
        mode: attributes.mode.toString(8),
        owner: `${attributes.uid}:${attributes.gid}`,
        mtime: BigInt(attributes.mtimeSeconds) * 1_000_000_000n + BigInt(attributes.mtimeNanoseconds),
        links: type === 'directory' ? 2 + subdirectories : (links.get(node) ?? 0),
        ...(content === undefined ? {} : { content: typeof content === 'string' ? content : describe(content) }),
        xattrs: Object.fromEntries(attributes.xattrs.map((xattr) => [xattr.name, xattr.value.toString('latin1')])),
        ...(sameAs === undefined ? {} : { sameAs }),
      };
      for (const name of [...node.children.keys()].sort()) {
        const child = node.children.get(name);
        if (child) visit(child, join(path, name));
      }
    };
    visit(this.#root, '.');
    return items;
  }

  #make(parent: ModelNode, operation: Operation): ModelNode {
    const { name, kind: type } = operation;
    const attributes = visible(operation);
    const children = new Map<string, ModelNode>();
    switch (operation.kind) {
      case 'file': {
        const content = Buffer.concat(operation.parts.map(([length, value]) => Buffer.alloc(length, value)));
        const data = this.#write(operation.parts, content, operation.chunk);
        return { type, attributes, children, content, inode: this.#writer.makeFile(parent.inode, name, attributes, data) };
      }
      case 'symlink': {
        const { target } = operation;
        return {
          type,
          attributes,
          children,
          content: target,
          inode: this.#writer.makeSymlink(parent.inode, name, attributes, target),
        };
      }
      case 'character':
      case 'block': {
        const content = `${operation.major}:${operation.minor}`;
        const special = { type: operation.kind, major: operation.major, minor: operation.minor };
        return { type, attributes, children, content, inode: this.#writer.makeSpecial(parent.inode, name, attributes, special) };
      }
      case 'fifo':
        return {
          type,
          attributes,
          children,
          inode: this.#writer.makeSpecial(parent.inode, name, attributes, { type: 'fifo', major: 0, minor: 0 }),
        };
      default:
        return { type: 'directory', attributes, children, inode: this.#writer.makeDirectory(parent.inode, name, attributes) };
    }
  }

  /** An odd chunk size leaves parts of zeros out, as a sparse archive does; every third goes to the tar archive, if there is one. */
  #write(parts: FileParts, content: Buffer, chunk: number): ErofsData {
    if (this.#archive && chunk % 3 === 0) {
      const offset = this.#archive.bytes;
      const padding = Buffer.alloc((512 - (content.length % 512)) % 512, 'p');
      this.#archive.parts.push(content, padding);
      this.#archive.bytes += content.length + padding.length;
      return this.#writer.tarData(offset, content.length);
    }
    this.#writer.beginFile(content.length);
    let start = 0;
    for (const [length, value] of parts) {
      const end = start + length;
      if (value !== 0 || chunk % 2 === 0)
        for (let at = start; at < end; at += chunk) this.#writer.writeFile(content, at, Math.min(at + chunk, end), at);
      start = end;
    }
    return this.#writer.endFile();
  }
}

/** Linux knows attributes of users only of files and directories (xattr(7)). */
function visible({ kind, attributes }: Operation): ModelAttributes {
  if (kind === 'file' || kind === 'directory' || kind === 'attributes') return attributes;
  return { ...attributes, xattrs: attributes.xattrs.filter((one) => !one.name.startsWith('user.')) };
}

const byteName = fc
  .uint8Array({ min: 1, minLength: 1, maxLength: 255 })
  .map((bytes) => Buffer.from(bytes).toString('latin1').replaceAll('/', '_'))
  .filter((name) => name !== '.' && name !== '..');
const name = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom('a', 'b', 'c', '!', '-', 'ab', '\xff') },
  { weight: 3, arbitrary: byteName },
);

const xattr = fc.record({
  name: fc.constantFrom(
    'user.a',
    'user.b',
    'user.c\xfe',
    'trusted.d',
    'trusted.overlay.opaque',
    'security.e',
    `user.${'n'.repeat(250)}`,
  ),
  value: fc
    .tuple(fc.constantFrom(0, 1, 2, 3, 20, 480, 505, 520, 4000, 30000, 65535), fc.nat(255))
    .map(([length, value]) => Buffer.alloc(length, value)),
});

export const modelAttributes: fc.Arbitrary<ModelAttributes> = fc.record({
  mode: fc.integer({ min: 0, max: 0o7777 }),
  uid: fc.constantFrom(0, 1000, 65535, 65536, 0xffff_fffe),
  gid: fc.constantFrom(0, 100_000),
  mtimeSeconds: fc.oneof(fc.integer({ min: -(2 ** 31), max: 2 ** 32 }), fc.constantFrom(0, -1, 2 ** 34)),
  mtimeNanoseconds: fc.constantFrom(0, 1, 999_999_999),
  xattrs: fc.oneof(
    { weight: 4, arbitrary: fc.constant([]) },
    { weight: 1, arbitrary: fc.uniqueArray(xattr, { selector: (one) => one.name, maxLength: 5 }) },
  ),
});

const edge = fc.constantFrom(
  0,
  1,
  100,
  511,
  512,
  513,
  2047,
  2048,
  2049,
  4095,
  4096,
  4097,
  65_535,
  65_536,
  65_537,
  131_072,
  200_000,
);
const parts = fc.array(fc.tuple(edge, fc.constantFrom(0, 0, 1, 255)), { maxLength: 4 });
const common = { directory: fc.nat(20), name, attributes: modelAttributes };

const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ ...common, kind: fc.constant('directory' as const) }) },
  {
    weight: 8,
    arbitrary: fc.record({ ...common, kind: fc.constant('file' as const), parts, chunk: fc.integer({ min: 100, max: 300_000 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      ...common,
      kind: fc.constant('symlink' as const),
      target: fc
        .constantFrom(1, 50, 255, 256, 400, 447, 448, 512, 600, 2048, 2049, 4000, 4095)
        .map((length) => 't'.repeat(length)),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      ...common,
      kind: fc.constantFrom('character' as const, 'block' as const),
      major: fc.constantFrom(0, 8, 259, 4095),
      minor: fc.constantFrom(0, 1, 255, 256, 0xfffff),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ ...common, kind: fc.constantFrom('fifo' as const, 'unlink' as const, 'attributes' as const) }),
  },
  { weight: 2, arbitrary: fc.record({ ...common, kind: fc.constant('link' as const), of: fc.nat(20) }) },
);

export const operations = fc.array(operation, { maxLength: 30 });
export const forms = fc.constantFrom<ErofsForm>('flat', 'tar-index');
