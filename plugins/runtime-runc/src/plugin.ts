import { accepts, findTool, installHint, OciRuntime, toolConfig, toolToken } from '@slipway/oci-runtime';
import { definePlugin, runtimePoint } from '@slipway/plugin-api';

export const plugin = definePlugin({
  provides: runtimePoint,
  id: 'runc',
  api: '1.0',
  config: toolConfig('runc'),
  declares: { accepts: [...accepts] },
  activate: ({ config, container, skip }) => {
    const choice = { ...config, plugin: 'runtime-runc' };
    const tool = findTool(choice);
    if (tool === undefined) return skip(`${JSON.stringify(config.binary)} was not found`, installHint(choice));
    container.register(toolToken, { useValue: tool });
    return { instance: container.resolve(OciRuntime), capabilities: { binary: tool.binary } };
  },
});
