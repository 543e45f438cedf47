import { type CreateRequest, type Mount, SlipwayError } from '@slipway/plugin-api';
import type { Bundle } from './bundle.js';
import type { Tool } from './tool.js';
import { unsupportedMount } from './tool-errors.js';

/** Kinds of {@link Mount} that the plugin's manifest declares. */
export const accepts = ['overlay', 'bind', 'erofs', 'block', 'generic'] as const satisfies readonly Mount['kind'][];

/** Refuses what the tool would refuse later and less clearly. */
export function checkRequest(tool: Tool, request: CreateRequest, bundle: Bundle): void {
  const unknown = request.rootfs.find((mount) => !(accepts as readonly string[]).includes(mount.kind));
  if (unknown !== undefined) throw unsupportedMount(tool, request.id, unknown.kind);
  const { terminal } = request.stdio;
  if ((terminal !== undefined) !== bundle.terminal) {
    throw new SlipwayError({
      kind: 'invalid-argument',
      code: 'TERMINAL_MISMATCH',
      message: `container "${request.id}": process.terminal of config.json is ${bundle.terminal}, but the request ${terminal === undefined ? 'has no terminal' : 'has one'}`,
    });
  }
  if (terminal !== undefined && ![terminal.columns, terminal.rows].every((n) => Number.isInteger(n) && n > 0 && n < 65536)) {
    throw new SlipwayError({
      kind: 'invalid-argument',
      code: 'TERMINAL_SIZE_INVALID',
      message: `container "${request.id}": terminal of ${terminal.columns} columns and ${terminal.rows} rows, expected 1 to 65535 each`,
    });
  }
}
