import 'reflect-metadata';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { nativeCode } from './native-code.ts';
import { banner, options, writePackage, writeText } from './output.ts';
import type { BuiltPackage } from './packages.ts';
import { ownPlaces } from './places.ts';

/** Where the core is, seen from `node_modules`. */
export const coreFile = '@slipway/core/dist/index.js';

/** What is of no use to most commands: a file of its own, for those that need it. */
const seldom = ['@slipway/archives', '@slipway/differ', '@slipway/guest', '@slipway/kata-agent', '@slipway/layers'];

/**
 * Plugins of the default stack that nearly every command activates. Nothing of them is evaluated before the kernel loads the file that their
 * manifest names, which hands on what is in the core.
 */
const oftenWired = ['metadata-lmdb', 'content-local', 'snapshot-overlay', 'runtime-runc'];

/** Classes of it are built by the copy that decorated them, and it finds what it noted about them in the copy of the other. */
const sharedLibraries = ['tsyringe', 'reflect-metadata'];

export function isCore({ folder, manifest }: BuiltPackage): boolean {
  if (oftenWired.includes(path.basename(folder))) return true;
  return path.basename(path.dirname(folder)) === 'packages' && !seldom.includes(manifest.name);
}

/** Names of modules that are in the core, and that nothing else may have a copy of. */
export function coreModules(core: readonly BuiltPackage[]): string[] {
  return [...core.flatMap(({ exported }) => Object.keys(exported)), ...sharedLibraries];
}

/**
 * One file with what every command needs. Its modules are evaluated when they are first required or imported, so that a command
 * pays for what it uses, and for one file.
 */
export async function bundleCore(root: string, modules: string, core: readonly BuiltPackage[]): Promise<void> {
  const names = coreModules(core);
  const cases = names.map((name) => `  ${JSON.stringify(name)}: () => require(${JSON.stringify(name)}),`);
  const entry = [
    'const modules = {',
    ...cases,
    '};',
    'const made = new Map();',
    '/** A module of the core by its name; undefined when it is none. */',
    'exports.shared = (name) => {',
    '  if (!Object.hasOwn(modules, name)) return undefined;',
    '  if (!made.has(name)) made.set(name, modules[name]());',
    '  return made.get(name);',
    '};',
    "exports.runCli = (argv) => require('./packages/cli/dist/cli.js').runCli(argv);",
  ].join('\n');
  await build({
    ...options,
    stdin: { contents: entry, resolveDir: root, sourcefile: 'core.js' },
    outfile: path.join(modules, coreFile),
    external: seldom,
    banner: { js: `${banner}require = slipwayLazy(require);` },
    plugins: [ownPlaces(core, coreFile), nativeCode],
  });
  writePackage(path.join(modules, '@slipway/core'), { name: '@slipway/core', private: true, main: './dist/index.js' });
  for (const one of core) for (const [name, file] of Object.entries(one.exported)) await handOn(modules, one, name, file);
  for (const name of sharedLibraries) {
    writePackage(path.join(modules, name), { name, main: './index.js' });
    writeText(path.join(modules, name, 'index.js'), handingOn(`../${coreFile}`, name, await namesOf(import.meta.resolve(name))));
  }
}

/** The file that others import by the package's name: it has what the core has. */
async function handOn(modules: string, { folder, manifest }: BuiltPackage, name: string, file: string): Promise<void> {
  const place = path.posix.join(manifest.name, file);
  const core = path.posix.relative(path.posix.dirname(place), coreFile);
  const names = await namesOf(pathToFileURL(path.join(folder, file)).href);
  writeText(path.join(modules, place), handingOn(core, name, names));
}

/** The last line says which names there are; Node does not look further when an ES module imports it. */
function handingOn(core: string, name: string, names: readonly string[]): string {
  const list = names.filter((one) => one !== 'default').join(', ');
  return `const { shared } = require('${core}');\nmodule.exports = shared('${name}');\n0 && (module.exports = { ${list} });\n`;
}

async function namesOf(url: string): Promise<string[]> {
  return Object.keys((await import(url)) as object).filter((name) => /^[A-Za-z_$][\w$]*$/.test(name));
}
