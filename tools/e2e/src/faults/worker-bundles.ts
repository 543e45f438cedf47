import { globSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { build, type Plugin } from 'esbuild';
import { bundleName } from './bundle-name.ts';
import { placesOf } from './places.ts';

/**
 * Each of our worker threads with the preload, as one file: the work of a scenario starts a dozen of them, and loading their modules one by one was half of its processor time.
 * Where a line comes from stands beside.
 */
export async function bundleWorkers(repository: string, folder: string): Promise<void> {
  const workers = globSync('{packages,plugins}/*/dist/{,*-}worker.js', { cwd: repository });
  await Promise.all(workers.map((worker) => bundleWorker(repository, folder, worker)));
}

async function bundleWorker(repository: string, folder: string, worker: string): Promise<void> {
  const outfile = path.join(folder, bundleName(worker));
  const files = [path.join(import.meta.dirname, 'preload.ts'), path.join(repository, worker)];
  const { outputFiles } = await build({
    stdin: { contents: files.map((file) => `import ${JSON.stringify(file)};\n`).join(''), resolveDir: repository },
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    tsconfigRaw: '{}',
    logLevel: 'warning',
    // A native part of its own, found from where the bundle is.
    external: ['koffi'],
    sourcemap: 'external',
    sourcesContent: false,
    outfile,
    plugins: [ownPlaces],
  });
  const nameOf = (source: string): string => path.relative(repository, path.resolve(folder, source));
  for (const { path: file, text } of outputFiles) {
    if (file.endsWith('.map')) writeFileSync(file.replace(/mjs\.map$/, 'json'), JSON.stringify(placesOf(text, nameOf)));
    else writeFileSync(file, text);
  }
}

/** What a module says about its own place is about where it was, and places are those of what was compiled, as in the main thread. */
const ownPlaces: Plugin = {
  name: 'own-places',
  setup: ({ onLoad }) => {
    onLoad({ filter: /\/(dist\/.*\.js|faults\/.*\.ts)$/ }, ({ path: file }) => ({
      contents: readFileSync(file, 'utf8')
        .replace(/^\/\/# sourceMappingURL=.*$/m, '')
        .replaceAll(/\bimport\.meta\.(url|dirname|filename)\b/g, (_, what: 'url' | 'dirname' | 'filename') =>
          JSON.stringify({ url: pathToFileURL(file).href, dirname: path.dirname(file), filename: file }[what]),
        ),
      loader: file.endsWith('.ts') ? 'ts' : 'js',
    }));
  },
};
