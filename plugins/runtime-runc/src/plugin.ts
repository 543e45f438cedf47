import { definePlugin, runtimePoint } from '@slipway/plugin-api';
import { findBinary } from './binary.js';
import { configSchema } from './config.js';
import { accepts } from './create-request.js';
import { installHint } from './runc-errors.js';
import { binaryToken, RuncRuntime } from './runc-runtime.js';

export const plugin = definePlugin({
  provides: runtimePoint,
  id: 'runc',
  api: '1.0',
  config: configSchema,
  declares: { accepts: [...accepts] },
  activate: ({ config, container, skip }) => {
    const binary = findBinary(config.binary);
    if (binary === undefined) return skip(`${JSON.stringify(config.binary)} was not found`, installHint);
    container.register(binaryToken, { useValue: binary });
    return { instance: container.resolve(RuncRuntime), capabilities: { binary } };
  },
});
