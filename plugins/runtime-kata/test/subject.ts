import 'reflect-metadata';
import { existsSync, mkdirSync, mkdtempSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { cloudKernel } from '@slipway/machine';
import type { CreateRequest, Runtime } from '@slipway/plugin-api';
import { type OpenRuntime, openPlugin } from '@slipway/plugin-testkit/subjects';
import { plugin } from '@slipway/runtime-kata';
import { cacheFolder, layersOf } from './layers.ts';

/** Names the folder with the template that machines begin with. Processes that a law starts have it, too. */
export const templatesVariable = 'SLIPWAY_LAW_TEMPLATES';

/**
 * The plugin as the laws can use it: their bundles have a tree of the host as a root. Emulated: what KVM does on a host under test is another test's. All machines have room for the largest limit that
 * laws set: one template serves them.
 */
export const openSubject: OpenRuntime = async (root) => {
  const state = path.join(root, 'state');
  const templates = process.env[templatesVariable];
  mkdirSync(state, { recursive: true, mode: 0o700 });
  if (templates !== undefined && !existsSync(path.join(state, 'templates')))
    symlinkSync(templates, path.join(state, 'templates'));
  const subject = await openPlugin(plugin, {
    dirs: { root: path.join(cacheFolder, 'plugin'), state },
    config: { ...cloudKernel(), accel: 'tcg', memory: 160, memory_overhead: 96, template: templates !== undefined },
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
      if (name === 'create') return (request: CreateRequest) => target.create(layered(request));
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** What is no request that could be is the runtime's to refuse. */
function layered(request: CreateRequest): CreateRequest {
  const [root] = request.rootfs;
  if (root?.kind !== 'bind' || !path.isAbsolute(request.bundle)) return request;
  return { ...request, rootfs: [layersOf(root.source, mkdtempSync(path.join(request.bundle, 'layers-')))] };
}
