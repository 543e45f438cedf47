import 'reflect-metadata';
import { closeSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { linux } from '@slipway/linux';
import { cloudKernel } from '@slipway/machine';
import type { CreateRequest, Runtime, RuntimeContainer } from '@slipway/plugin-api';
import { type OpenRuntime, openPlugin } from '@slipway/plugin-testkit/subjects';
import { plugin } from '@slipway/runtime-kata';
import { cacheFolder, layersOf } from './layers.ts';

/** The plugin as the laws can use it: their bundles have a tree of the host as a root, and look into its folder `shared`. Emulated: what KVM does on a host under test is another test's. */
export const openSubject: OpenRuntime = async (root) => {
  const subject = await openPlugin(plugin, {
    dirs: { root: path.join(cacheFolder, 'plugin'), state: path.join(root, 'state') },
    config: { ...cloudKernel(), accel: 'tcg', memory: 128 },
  });
  return {
    ...subject,
    folder: undefined,
    instance: withLayers(subject.instance),
    [Symbol.asyncDispose]: () => subject[Symbol.asyncDispose](),
  };
};

function withLayers(runtime: Runtime): Runtime {
  return new Proxy(runtime, {
    get(target, name) {
      if (name === 'create') return (request: CreateRequest) => create(target, request);
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

async function create(runtime: Runtime, request: CreateRequest): Promise<RuntimeContainer> {
  const [root] = request.rootfs;
  if (root?.kind !== 'bind' || !path.isAbsolute(request.bundle)) return await runtime.create(request);
  const directory = path.join(request.bundle, 'trees/shared');
  shareIn(path.join(request.bundle, 'config.json'), directory);
  const fd = linux.mountDetached([{ kind: 'bind', source: path.join(root.source, 'shared'), readOnly: false }]);
  try {
    const rootfs = [layersOf(root.source, mkdtempSync(path.join(request.bundle, 'layers-')))];
    return await runtime.create({ ...request, rootfs, attachments: [...(request.attachments ?? []), { fd, directory }] });
  } finally {
    closeSync(fd);
  }
}

/** What is no config.json is the runtime's to refuse. */
function shareIn(file: string, source: string): void {
  const spec = JSON.parse(readFileSync(file, 'utf8')) as { mounts?: { destination: string }[] };
  if (spec.mounts === undefined || spec.mounts.some(({ destination }) => destination === '/shared')) return;
  spec.mounts.push({ destination: '/shared', type: 'bind', source, options: ['rbind'] } as { destination: string });
  writeFileSync(file, JSON.stringify(spec));
}
