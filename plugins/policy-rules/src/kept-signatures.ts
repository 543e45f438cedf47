import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { digestOf, parseDigest } from '@slipway/oci';
import { hasCode, step } from '@slipway/plugin-api';
import * as v from 'valibot';
import type { ImageSignature } from './image-signature.js';
import { readSigned } from './read-signed.js';

const base64 = v.pipe(
  v.string(),
  v.base64(),
  v.transform((text) => Buffer.from(text, 'base64')),
);
const signatureSchema: v.GenericSchema<unknown, ImageSignature> = v.variant('format', [
  v.strictObject({ format: v.literal('simple-signing'), payload: base64, signature: base64 }),
  v.strictObject({ format: v.literal('bundle'), bundle: base64 }),
]);

/** A bundle of the largest size, as base64, and some. */
const maxFileBytes = 2 * 1024 * 1024;
/** Over this the oldest go: an image without is asked for at its source again. */
const maxFiles = 4096;
/** What a killed process has left half written. */
const leftAfterMs = 60 * 60 * 1000;
const unfinished = /\.new$/;

/**
 * Signatures that were found good, so that images run without a network: a file for each, named for the digest of the image and its own.
 * What is read is judged again, by the keys of that time, so nothing here is trusted.
 */
export class KeptSignatures {
  constructor(private readonly folder: string) {}

  async *of(digest: string): AsyncGenerator<ImageSignature> {
    const prefix = prefixOf(digest);
    for (const name of await this.#names()) {
      if (!name.startsWith(prefix) || unfinished.test(name)) continue;
      const bytes = await readBounded(path.join(this.folder, name));
      const signature = bytes === undefined ? undefined : readSigned(signatureSchema, bytes);
      if (signature !== undefined) yield signature;
    }
  }

  /** Whole or not at all, also when it is killed; one that is there stays. */
  async keep(digest: string, signature: ImageSignature): Promise<void> {
    const bytes = Buffer.from(encode(signature));
    const name = `${prefixOf(digest)}${digestOf(bytes).slice('sha256:'.length)}.json`;
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    const temporary = path.join(this.folder, `${randomUUID()}.new`);
    try {
      await using file = await open(temporary, 'wx', 0o600);
      await file.writeFile(bytes);
      await file.sync();
      step('rules.signature.written', { digest });
      await rename(temporary, path.join(this.folder, name));
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
    await using folder = await open(this.folder, constants.O_RDONLY | constants.O_DIRECTORY);
    await folder.sync();
    step('rules.signature.kept', { digest });
    await this.#tidy(name);
  }

  async #tidy(kept: string): Promise<void> {
    const names = await this.#names();
    const left = await this.#oldestFirst(names.filter((name) => unfinished.test(name)));
    const whole = names.filter((name) => name !== kept && !unfinished.test(name));
    // An eighth at once, so that not each further one looks at the age of all.
    const excess = whole.length < maxFiles ? [] : (await this.#oldestFirst(whole)).slice(0, maxFiles / 8);
    for (const { name } of [...left.filter(({ at }) => at < Date.now() - leftAfterMs), ...excess])
      await rm(path.join(this.folder, name), { force: true });
  }

  async #oldestFirst(names: readonly string[]): Promise<{ readonly name: string; readonly at: number }[]> {
    const aged: { name: string; at: number }[] = [];
    for (const name of names) {
      // Another process tidies, too.
      const at = await stat(path.join(this.folder, name)).then(({ mtimeMs }) => mtimeMs, ifGone);
      if (at !== undefined) aged.push({ name, at });
    }
    return aged.sort((one, other) => one.at - other.at);
  }

  async #names(): Promise<string[]> {
    return (await readdir(this.folder).catch(ifGone)) ?? [];
  }
}

function prefixOf(digest: string): string {
  const { algorithm, encoded } = parseDigest(digest);
  return `${algorithm}-${encoded}.`;
}

function ifGone(error: unknown): undefined {
  if (!hasCode(error, 'ENOENT')) throw error;
}

function encode(signature: ImageSignature): string {
  const base64Of = (bytes: Buffer): string => bytes.toString('base64');
  if (signature.format === 'bundle') return JSON.stringify({ format: signature.format, bundle: base64Of(signature.bundle) });
  const { format, payload, signature: signed } = signature;
  return JSON.stringify({ format, payload: base64Of(payload), signature: base64Of(signed) });
}

async function readBounded(file: string): Promise<Buffer | undefined> {
  try {
    await using handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const { size } = await handle.stat();
    return size > maxFileBytes ? undefined : await handle.readFile();
  } catch (error) {
    if (hasCode(error, 'ELOOP', 'EISDIR')) return undefined;
    return ifGone(error);
  }
}
