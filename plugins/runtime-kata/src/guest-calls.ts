import {
  AgentService,
  type EncodedRequest,
  encodeRequest,
  processMessage,
  resourcesMessage,
  specMessage,
} from '@slipway/kata-agent';
import type { RuntimeProcess, RuntimeResources } from '@slipway/plugin-api';
import type { GuestSpec } from './guest-spec.js';
import type { PlanStep } from './plan.js';
import type { GuestStorage } from './root-disks.js';

/** What the agent is asked for to have the container: its files, its file systems, then the container itself. */
export function containerCalls(id: string, { spec, files }: GuestSpec, storages: readonly GuestStorage[]): readonly PlanStep[] {
  const { createSandbox, copyFile, createContainer } = AgentService.method;
  const copies = files.map(({ path, content, mode }) =>
    encodeRequest(copyFile, { path, fileSize: BigInt(content.length), fileMode: mode, dirMode: 0o755, data: content }),
  );
  const container = encodeRequest(createContainer, {
    containerId: id,
    execId: id,
    storages: storages.map((storage) => ({ ...storage, options: [...storage.options] })),
    OCI: specMessage(spec),
  });
  return [encodeRequest(createSandbox, { hostname: spec.hostname ?? '', sandboxId: id }), ...copies, container].map(asStep);
}

/** For the shim's `exec`, which adds the name of the process. */
export function processRequest(id: string, process: RuntimeProcess): Uint8Array {
  return encodeRequest(AgentService.method.execProcess, { containerId: id, process: processMessage(process) }).payload;
}

export function updateRequest(id: string, resources: RuntimeResources): Uint8Array {
  return encodeRequest(AgentService.method.updateContainer, { containerId: id, resources: resourcesMessage(resources) }).payload;
}

function asStep({ service, method, payload }: EncodedRequest): PlanStep {
  return ['call', service, method, payload];
}
