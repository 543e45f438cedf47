import { cpSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';
import { bundleApart, bundlePrograms, bundleWorkers, copyManifest } from './apart.ts';
import { bundleCore, coreModules, isCore } from './core.ts';
import { options } from './output.ts';
import { builtPackages } from './packages.ts';
import { replaceTree } from './replace-tree.ts';

/** build/: the tree that people run. See the README. */
const root = path.resolve(import.meta.dirname, '../../..');
const target = path.join(root, 'build');
// One for each that builds at the same time, where git does not look, and on the same file system.
const fresh = path.join(root, `node_modules/.cache/build-${process.pid}`);
const modules = path.join(fresh, 'node_modules');

const remove = (): void => rmSync(fresh, { recursive: true, force: true });
remove();
process.on('exit', remove);
const all = builtPackages(root);
const core = all.filter(isCore);
const apart = all.filter((one) => !isCore(one));
const shared = coreModules(core);
const apartNames = apart.flatMap(({ exported }) => Object.keys(exported));
await Promise.all([
  bundleCore(root, modules, core),
  ...apart.map((one) => bundleApart(modules, one, shared, apartNames)),
  ...all.map((one) => bundleWorkers(modules, one, all)),
  ...all.map((one) => bundlePrograms(modules, one, [...shared, ...apartNames])),
  bundleProgram(),
]);
for (const one of all) copyManifest(modules, one);
copyProgram('monitor', 'monitor');
copyProgram('init', 'monitor');
copyProgram('agent', 'guest');
copyProgram('kata-shim', 'runtime-kata');
mkdirSync(path.join(fresh, 'bin'));
cpSync(path.join(modules, '@slipway/cli/bin/slipway'), path.join(fresh, 'bin/slipway'));
// Programs of tests that run meanwhile (tools/test): they look for packages beside them.
const programs = path.join(target, 'e2e');
if (existsSync(programs)) cpSync(programs, path.join(fresh, 'e2e'), { recursive: true });
replaceTree(fresh, target);

/** What Node is started with: it turns the cache of compiled code on before the core is loaded. */
async function bundleProgram(): Promise<void> {
  const { commandTree } = (await import(path.join(root, 'packages/cli/dist/commands/tree.js'))) as {
    readonly commandTree: readonly { readonly name: string }[];
  };
  await build({
    ...options,
    entryPoints: [path.join(root, 'packages/cli/dist/main.js')],
    outfile: path.join(modules, '@slipway/cli/dist/main.js'),
    define: { 'import.meta.dirname': '__dirname', commandNames: JSON.stringify(commandTree.map(({ name }) => name)) },
    plugins: [
      {
        name: 'core',
        setup: ({ onResolve }) =>
          onResolve({ filter: /^\.\/cli\.js$/ }, () => ({ path: path.join(import.meta.dirname, 'runtime/load-core.ts') })),
      },
    ],
  });
}

/** One of C, to the package that looks for it. */
function copyProgram(name: string, owner: string): void {
  const folder = path.join(modules, '@slipway', owner, 'bin');
  mkdirSync(folder, { recursive: true });
  cpSync(path.join(root, `native/${name}/build/slipway-${name}`), path.join(folder, `slipway-${name}`));
}
