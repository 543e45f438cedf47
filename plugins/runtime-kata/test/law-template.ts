import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { hostMounts } from '@slipway/cgroups';
import { openSubject, templatesVariable } from './subject.ts';

/**
 * Has the template made that machines of the laws begin with, in a folder of its own: what makes it would be taken for something that a law's container has left. Returns what removes it, when no
 * machine runs any more.
 */
export async function makeLawTemplate(): Promise<() => void> {
  const templates = mkdtempSync(path.join(os.tmpdir(), 'slipway-law-templates-'));
  process.env[templatesVariable] = templates;
  await createOne(templates);
  return () => rmSync(templates, { recursive: true });
}

async function createOne(templates: string): Promise<void> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'slipway-kata-template-'));
  const id = path.basename(folder);
  const [bundle, root] = [path.join(folder, 'bundle'), path.join(folder, 'rootfs')];
  for (const each of [bundle, root, path.join(root, 'dev'), path.join(root, 'proc')]) mkdirSync(each);
  // Never started: nothing has to be in it but the program's name.
  writeFileSync(path.join(root, 'sh'), '#!/sh\n', { mode: 0o755 });
  const spec = {
    ociVersion: '1.0.2',
    root: { path: 'rootfs' },
    process: { user: { uid: 0, gid: 0 }, args: ['/sh'], env: [], cwd: '/' },
    mounts: [{ destination: '/proc', type: 'proc', source: 'proc' }],
    linux: { namespaces: ['pid', 'ipc', 'uts', 'mount', 'network'].map((type) => ({ type })), cgroupsPath: `/${id}/${id}` },
  };
  writeFileSync(path.join(bundle, 'config.json'), JSON.stringify(spec));
  try {
    await using subject = await openSubject(folder);
    const stdio = { stdin: 'null', stdout: 'null', stderr: 'null' } as const;
    const rootfs = [{ kind: 'bind', source: root, readOnly: false }] as const;
    await subject.instance.create({ id, bundle, rootfs, stdio, dieWithParent: true, keepOpen: [] });
    await subject.instance.delete(id);
    const isMade = () =>
      readdirSync(templates).some((name) => /^[0-9a-f]{64}$/.test(name) && existsSync(path.join(templates, name, 'state')));
    for (const end = Date.now() + 300_000; !isMade(); await sleep(20))
      if (Date.now() > end) throw new Error(`no template was made; found ${readdirSync(templates).join(' ')}`);
  } finally {
    rmSync(folder, { recursive: true });
    for (const { mountPoint } of hostMounts()) {
      const around = path.join(mountPoint, id);
      if (existsSync(around)) rmdirSync(around);
    }
  }
}
