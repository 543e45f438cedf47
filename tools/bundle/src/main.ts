import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { build } from 'esbuild';
import { type BuiltPackage, builtPackages } from './packages.ts';

/**
 * build/: the tree that people run. Each package is bundled alone, with the libraries that are its own, into few files:
 * resolving and linking hundreds of small modules is most of what a short command does. Shared on purpose, and so left as
 * imports: our own packages, tsyringe (classes are built by the copy that decorated them) and what has native code.
 */
const root = path.resolve(import.meta.dirname, '../../..');
const shared = ['@slipway/*', 'slipway', 'tsyringe', 'reflect-metadata', 'lmdb', 'koffi'];
const target = path.join(root, 'build');
const fresh = `${target}.new`;

rmSync(fresh, { recursive: true, force: true });
await Promise.all([...builtPackages(root).map(bundlePackage), bundleTsyringe()]);
copyProgram('monitor', 'monitor');
copyProgram('init', 'engine');
mkdirSync(path.join(fresh, 'bin'));
symlinkSync('../node_modules/@slipway/cli/bin/slipway', path.join(fresh, 'bin/slipway'));
// One that runs meanwhile has its files open; the next one finds the new tree.
rmSync(target, { recursive: true, force: true });
renameSync(fresh, target);

/** One of C, to the package that looks for it. */
function copyProgram(name: string, owner: string): void {
  const folder = path.join(fresh, `node_modules/@slipway/${owner}/bin`);
  mkdirSync(folder, { recursive: true });
  cpSync(path.join(root, `native/${name}/build/slipway-${name}`), path.join(folder, `slipway-${name}`));
}

async function bundlePackage({ folder, manifest, entries }: BuiltPackage): Promise<void> {
  const to = path.join(fresh, 'node_modules', manifest.name);
  await build({
    entryPoints: entries.map((entry) => path.join(folder, entry)),
    outdir: path.join(to, 'dist'),
    outbase: path.join(folder, 'dist'),
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    external: shared,
    // Libraries written for require() ask for it when they are bundled into a module.
    banner: {
      js: "import { createRequire as slipwayRequire } from 'node:module'; const require = slipwayRequire(import.meta.url);",
    },
    tsconfigRaw: '{}',
    legalComments: 'linked',
    logLevel: 'warning',
  });
  cpSync(path.join(folder, 'package.json'), path.join(to, 'package.json'));
  if (!existsSync(path.join(folder, 'bin'))) return;
  cpSync(path.join(folder, 'bin'), path.join(to, 'bin'), { recursive: true });
  for (const program of Object.values(manifest.bin ?? {})) chmodSync(path.join(to, program), 0o755);
}

/** One file instead of 34; still one copy for all. */
async function bundleTsyringe(): Promise<void> {
  const manifest = createRequire(import.meta.url).resolve('tsyringe/package.json');
  const to = path.join(fresh, 'node_modules/tsyringe');
  await build({
    entryPoints: [path.join(path.dirname(manifest), 'dist/esm2015/index.js')],
    outfile: path.join(to, 'dist/index.js'),
    bundle: true,
    format: 'esm',
    platform: 'node',
    legalComments: 'linked',
    logLevel: 'warning',
  });
  const { name, version, license } = JSON.parse(readFileSync(manifest, 'utf8')) as Record<string, unknown>;
  writeFileSync(
    path.join(to, 'package.json'),
    JSON.stringify({ name, version, license, type: 'module', exports: './dist/index.js' }, undefined, 2),
  );
}
