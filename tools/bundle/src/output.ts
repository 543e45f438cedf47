import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { BuildOptions } from 'esbuild';

/**
 * CommonJS: importing one of Node's own modules into an ES module makes Node evaluate every part of it (`node:crypto`: 5 ms), requiring
 * it does not. Without blanks, which are a third of the text that Node decodes and hashes at each start (2 ms a megabyte).
 */
export const options = {
  bundle: true,
  format: 'cjs',
  platform: 'node',
  target: 'node24',
  minifyWhitespace: true,
  lineLimit: 160,
  tsconfigRaw: '{}',
  legalComments: 'linked',
  logLevel: 'warning',
} as const satisfies BuildOptions;

/**
 * Before all code of a file: where it is, and Node's own modules in a form that costs nothing until something of them is used.
 * Inherited, not copied: what esbuild makes of `import fs from 'node:fs'` would copy every name of it, in each module anew.
 */
export const banner = `\
const slipwayPlace = (folder) => {
  const path = require('node:path'), dirname = path.join(__dirname, folder);
  return { dirname, filename: __filename, url: require('node:url').pathToFileURL(path.join(dirname, 'index.js')).href };
};
const slipwayLazy = (load) => {
  const made = new Map();
  const lazy = (name) => {
    const proxy = new Proxy({}, { get: (_, key) => load(name)[key], has: (_, key) => key in load(name), ownKeys: () => [], getPrototypeOf: () => proxy });
    return proxy;
  };
  return (name) => {
    if (!name.startsWith('node:')) return load(name);
    if (!made.has(name)) made.set(name, name === 'node:fs' || name === 'node:path' ? Object.create(load(name)) : lazy(name));
    return made.get(name);
  };
};
`;

export function writePackage(folder: string, manifest: object): void {
  writeText(path.join(folder, 'package.json'), `${JSON.stringify(manifest, undefined, 2)}\n`);
}

export function writeText(file: string, text: string): void {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, text);
}
