import { closeSync, mkdirSync, openSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createErofsImage } from '@slipway/layers';
import { digestOf, mediaTypes } from '@slipway/oci';
import type { CreateRequest, Descriptor, ExecRequest, LayersMount, RuntimeState } from '@slipway/plugin-api';
import { memoryContent } from '@slipway/plugin-testkit';
import { containerNamesTable, containersTable } from '../../dist/metadata/containers.js';
import { rowKey } from '../../dist/metadata/rows.js';
import { fakeParts } from '../parts.ts';
import { containerRow } from './row.ts';

const plain = { mode: 0o755, uid: 0, gid: 0, mtimeSeconds: 0, mtimeNanoseconds: 0, xattrs: [] };

/** An image of a file system with a shell and a user. */
function imageAt(file: string): void {
  const fd = openSync(file, 'wx+', 0o600);
  const image = createErofsImage(fd, { form: 'flat', root: plain });
  for (const [folder, name, text] of [
    ['bin', 'sh', '#!'],
    ['etc', 'passwd', 'web:x:1000:1001::/srv:/bin/sh\n'],
  ] as const) {
    const directory = image.makeDirectory(image.root, folder, plain);
    image.beginFile(text.length);
    image.writeFile(Buffer.from(text), 0, text.length, 0);
    image.makeFile(directory, name, plain, image.endFile());
  }
  image.finish();
  closeSync(fd);
}

export type MachineParts = Awaited<ReturnType<typeof machineParts>>;

/**
 * A container with a runtime that only notes what it is asked, whose disk no kernel would mount. Its image, metadata, bundle and operations are real. `machine`: the runtime is one of virtual machines.
 */
export async function machineParts({ machine }: { readonly machine: boolean }) {
  const parts = fakeParts();
  const { root, state } = parts.settings;
  mkdirSync(state, { recursive: true });
  const [image, disk] = ['layer.erofs', 'upper.ext4'].map((name) => path.join(root, name)) as [string, string];
  imageAt(image);
  writeFileSync(disk, '');
  truncateSync(disk, 1 << 20);
  const rootfs: LayersMount = {
    kind: 'layers',
    lower: [{ kind: 'erofs', source: image }],
    upper: { kind: 'block', source: disk, fstype: 'ext4', readOnly: false },
  };
  const content = memoryContent();
  const put = async (mediaType: string, document: object): Promise<Descriptor> => {
    const bytes = Buffer.from(JSON.stringify(document));
    const [digest, size] = [digestOf(bytes), bytes.length];
    await using writer = await content.writer({ ref: digest });
    await writer.write(bytes);
    await writer.commit({ size, digest });
    return { mediaType, digest, size };
  };
  const imageConfig = { os: 'linux', architecture: 'amd64', config: { Cmd: ['sh'] }, rootfs: { type: 'layers', diff_ids: [] } };
  const config = await put(mediaTypes.ociConfig, imageConfig);
  const document = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers: [] };
  const manifest = await put(mediaTypes.ociManifest, document);

  const id = 'a'.repeat(64);
  const runtimeId = machine ? 'vms' : 'plain';
  const settings = { network: 'none' };
  const row = containerRow({ name: 'web', manifest: manifest.digest, snapshotter: 'fake', runtime: runtimeId, settings });
  await parts.metadata.write((tx) => {
    tx.put(containersTable, rowKey(id), row);
    tx.put(containerNamesTable, rowKey('web'), id);
  });

  const asked: string[] = [];
  const created: CreateRequest[] = [];
  const executed: ExecRequest[] = [];
  let now: RuntimeState['status'] = 'stopped';
  let refusal: Error | undefined;
  const process = (): object => ({
    pid: globalThis.process.pid,
    exit: new Promise(() => {}),
    [Symbol.asyncDispose]: async () => {},
  });
  const started = async (): Promise<void> => {
    now = 'running';
  };
  const runtime = {
    features: () => {
      asked.push('features');
      return Promise.reject(new Error('the kernel of the guest is gone'));
    },
    state: async (): Promise<RuntimeState> => ({
      id,
      status: now,
      supervised: true,
      ...(now === 'stopped' ? {} : { pid: globalThis.process.pid }),
      ...(machine ? { machine: { accel: 'tcg', hardware: false, memoryMiB: 128, cpus: 1 } } : {}),
    }),
    create: async (request: CreateRequest) => {
      created.push(request);
      return { ...process(), id, monitorPid: 1, start: started };
    },
    exec: async (_id: string, request: ExecRequest) => {
      if (refusal !== undefined) throw refusal;
      executed.push(request);
      return process();
    },
  };
  Object.assign(parts, {
    content,
    store: content,
    runtimes: { ids: [runtimeId], declares: () => (machine ? { isolation: 'vm' } : {}), get: async () => runtime },
    differs: {
      ids: ['fake'],
      declares: () => ({ writes: ['erofs'] }),
      get: async () => ({ compare: () => Promise.reject(new Error('it was asked to compare')) }),
    },
    snapshotters: {
      ids: ['fake'],
      declares: () => ({ layerTarget: 'erofs' }),
      get: async () => ({
        mounts: async () => [rootfs],
        trees: async () => {
          asked.push('trees');
          return [{ format: 'ext4', path: disk }];
        },
      }),
    },
  });
  return {
    parts,
    id,
    asked,
    created,
    executed,
    set status(status: RuntimeState['status']) {
      now = status;
    },
    /** What the runtime says to an exec. */
    set refusal(error: Error | undefined) {
      refusal = error;
    },
    async [Symbol.asyncDispose]() {
      await content[Symbol.asyncDispose]();
      parts[Symbol.dispose]();
    },
  };
}
