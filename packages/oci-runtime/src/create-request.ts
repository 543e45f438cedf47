import path from 'node:path';
import { type CreateRequest, type Mount, SlipwayError, type StdioRequest } from '@slipway/plugin-api';
import type { Bundle } from './bundle.js';
import type { Tool } from './tool.js';
import { unsupportedMount } from './tool-errors.js';

/** Kinds of {@link Mount} that the plugins' manifests declare. */
export const accepts = ['overlay', 'bind', 'layers', 'erofs', 'block', 'generic'] as const satisfies readonly Mount['kind'][];

/** Refuses what the tool would refuse later and less clearly. */
export function checkRequest(tool: Tool, request: CreateRequest, bundle: Bundle): void {
  const kinds = tool.machine?.accepts ?? accepts;
  const unknown = request.rootfs.find((mount) => !(kinds as readonly string[]).includes(mount.kind));
  if (unknown !== undefined) throw unsupportedMount(tool, request.id, unknown.kind);
  const what = `container "${request.id}"`;
  checkStdio(what, request.stdio, bundle.terminal);
  for (const { directory } of request.attachments ?? []) checkAttachment(what, bundle, directory);
}

/** `terminal`: what the process' own settings say. */
export function checkStdio(what: string, stdio: StdioRequest, terminal: boolean): void {
  const size = stdio.terminal;
  if ((size !== undefined) !== terminal) {
    throw new SlipwayError({
      kind: 'invalid-argument',
      code: 'TERMINAL_MISMATCH',
      message: `${what}: its process has the terminal setting ${terminal}, but the request ${size === undefined ? 'has no terminal' : 'has one'}`,
    });
  }
  if (size !== undefined && ![size.columns, size.rows].every((n) => Number.isInteger(n) && n > 0 && n < 65536)) {
    throw new SlipwayError({
      kind: 'invalid-argument',
      code: 'TERMINAL_SIZE_INVALID',
      message: `${what}: terminal of ${size.columns} columns and ${size.rows} rows, expected 1 to 65535 each`,
    });
  }
}

function checkAttachment(what: string, bundle: Bundle, directory: string): void {
  if (path.isAbsolute(directory) && path.normalize(directory).startsWith(`${path.normalize(bundle.directory)}/`)) return;
  throw new SlipwayError({
    kind: 'invalid-argument',
    code: 'ATTACHMENT_INVALID',
    message: `${what}: mount tree at ${JSON.stringify(directory)}: expected an absolute path below the bundle ${JSON.stringify(bundle.directory)}`,
  });
}
