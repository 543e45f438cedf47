import { cpSync, mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';
import { bundleApart, bundleWorkers, copyManifest } from './apart.ts';
import { bundleCore, coreFile, coreModules, isCore } from './core.ts';
import { options } from './output.ts';
import { builtPackages } from './packages.ts';
import { replaceTree } from './replace-tree.ts';

/** build/: the tree that people run. See the README. */
const root = path.resolve(import.meta.dirname, '../../..');
const target = path.join(root, 'build');
const fresh = `${target}.new`;
const modules = path.join(fresh, 'node_modules');

rmSync(fresh, { recursive: true, force: true });
const all = builtPackages(root);
const core = all.filter(isCore);
const apart = all.filter((one) => !isCore(one));
const shared = coreModules(core);
const apartNames = apart.flatMap(({ exported }) => Object.keys(exported));
await Promise.all([
  bundleCore(root, modules, core),
  ...apart.map((one) => bundleApart(modules, one, shared, apartNames)),
  ...all.map((one) => bundleWorkers(modules, one, all)),
  bundleProgram(),
]);
for (const one of all) copyManifest(modules, one);
copyProgram('monitor', 'monitor');
copyProgram('init', 'engine');
mkdirSync(path.join(fresh, 'bin'));
cpSync(path.join(modules, '@slipway/cli/bin/slipway'), path.join(fresh, 'bin/slipway'));
replaceTree(fresh, target);

/** What Node is started with: it turns the cache of compiled code on before the core is loaded. */
async function bundleProgram(): Promise<void> {
  const program = '@slipway/cli/dist/main.js';
  await build({
    ...options,
    entryPoints: [path.join(root, 'packages/cli/dist/main.js')],
    outfile: path.join(modules, program),
    // To import the core, Node would read its text once more to find what it exports.
    supported: { 'dynamic-import': false },
    plugins: [
      {
        name: 'core',
        setup: ({ onResolve }) =>
          onResolve({ filter: /^\.\/cli\.js$/ }, () => ({
            path: path.posix.relative(path.posix.dirname(program), coreFile),
            external: true,
          })),
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
