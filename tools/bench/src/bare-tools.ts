import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Contender } from './contender.ts';

/**
 * The work itself with nothing around it: curl, sha256sum, gzip and tar one after the other, each layer into a folder of its own, and runc.
 * It keeps no record and resolves no whiteouts, so it is a mark to measure by and no engine. tar's status 2 is let pass: a hard link to a
 * file of a lower layer cannot be made there.
 */
export const bareTools: Contender = {
  name: 'bare tools',
  needs: ['curl', 'sha256sum', 'gzip', 'tar', 'runc'],
  open: async (folder, image) => {
    const { url, digests } = await layersOf(image);
    const script = path.join(folder, 'pull.sh');
    writeFileSync(script, pullScript(folder, url, digests));
    const state = path.join(folder, 'state');
    mkdirSync(state);
    return {
      pull: ['/bin/sh', script],
      run: (id) => ['/bin/sh', '-c', runScript, id, state, bundle(folder)],
      [Symbol.asyncDispose]: async () => {
        for (const id of readdirSync(state)) execFileSync('runc', ['--root', state, 'delete', '--force', id]);
      },
    };
  },
};

/** The end of the container's output, which `cat` waits for, comes just before its own. */
const runScript = [
  '{ runc --root "$1" create --bundle "$2" "$0" && runc --root "$1" start "$0"; } </dev/null | cat',
  'until runc --root "$1" delete "$0" 2>/dev/null; do sleep 0.002; done',
].join('\n');

function pullScript(folder: string, url: string, digests: readonly string[]): string {
  const lines = digests.flatMap((digest, index) => [
    `curl -sSf -o '${folder}/${index}.blob' '${url}/blobs/${digest}'`,
    `echo '${digest.replace('sha256:', '')}  ${folder}/${index}.blob' | sha256sum --check --quiet`,
    `mkdir '${folder}/${index}'`,
    `gzip -dc '${folder}/${index}.blob' | tar -x --numeric-owner --xattrs --xattrs-include='*' -C '${folder}/${index}' 2>/dev/null || [ $? -eq 2 ]`,
  ]);
  return ['set -eu', ...lines, ''].join('\n');
}

/** A bundle over the first layer, made by runc itself and told what to run. */
function bundle(folder: string): string {
  const where = path.join(folder, 'bundle');
  const file = path.join(where, 'config.json');
  if (mkdirSync(where, { recursive: true }) === undefined) return where;
  execFileSync('runc', ['spec', '--bundle', where]);
  const spec = JSON.parse(readFileSync(file, 'utf8')) as {
    process: { terminal: boolean; args: string[] };
    root: { path: string; readonly: boolean };
  };
  spec.process.terminal = false;
  spec.process.args = ['true'];
  spec.root = { path: path.join(folder, '0'), readonly: true };
  writeFileSync(file, JSON.stringify(spec));
  return where;
}

interface Document {
  readonly manifests?: readonly { readonly digest: string; readonly platform?: { readonly architecture: string } }[];
  readonly layers?: readonly { readonly digest: string; readonly mediaType: string }[];
}

async function layersOf(image: string): Promise<{ url: string; digests: string[] }> {
  const [, host, repository, tag] = /^([^/]+)\/(.+):([^:]+)$/.exec(image) ?? [];
  const url = `http://${host}/v2/${repository}`;
  let document = await manifest(url, tag ?? '');
  const architecture = process.arch === 'arm64' ? 'arm64' : 'amd64';
  const own = document.manifests?.find(({ platform }) => platform?.architecture === architecture);
  if (own) document = await manifest(url, own.digest);
  const layers = document.layers ?? [];
  if (layers.some(({ mediaType }) => !mediaType.endsWith('gzip'))) throw new Error(`${image} has layers that are not gzip`);
  return { url, digests: layers.map(({ digest }) => digest) };
}

async function manifest(url: string, reference: string): Promise<Document> {
  const kinds = [
    'vnd.oci.image.manifest.v1',
    'vnd.oci.image.index.v1',
    'vnd.docker.distribution.manifest.v2',
    'vnd.docker.distribution.manifest.list.v2',
  ];
  const accept = kinds.map((kind) => `application/${kind}+json`).join(', ');
  const response = await fetch(`${url}/manifests/${reference}`, { headers: { accept } });
  if (!response.ok) throw new Error(`${url}/manifests/${reference}: ${response.status}`);
  return (await response.json()) as Document;
}
