import { accessSync, constants } from 'node:fs';
import path from 'node:path';
import { SlipwayError } from '@slipway/plugin-api';
import { type CommandResult, run } from '../command.js';

/** Programs of the host that this is built on, with the package that brings each. */
const packages = {
  nft: 'nftables',
  iptables: 'iptables',
  ip6tables: 'iptables',
  'iptables-save': 'iptables',
  'ip6tables-save': 'iptables',
  'iptables-restore': 'iptables',
  'ip6tables-restore': 'iptables',
  conntrack: 'conntrack',
  dnsmasq: 'dnsmasq-base',
  ip: 'iproute2',
  unshare: 'util-linux',
  'firewall-cmd': 'firewalld',
} as const;

export type Tool = keyof typeof packages;

/** Where a program is; also in folders that only root's search path has. */
export function findTool(tool: Tool): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/sbin', '/usr/bin', '/bin'];
  return folders
    .filter(path.isAbsolute)
    .map((folder) => path.join(folder, tool))
    .find(isProgram);
}

/** The program's path. Errors: `failed-precondition`, with the package to install. */
export function needTool(what: string, tool: Tool): string {
  const found = findTool(tool);
  if (found !== undefined) return found;
  throw new SlipwayError({
    kind: 'failed-precondition',
    code: 'NETWORK_TOOL_MISSING',
    message: `${what}: this host does not have "${tool}"`,
    hint: `install it: apt install ${packages[tool]}`,
    details: { tool, package: packages[tool] },
  });
}

/** Runs a program to its end, whatever that is; it gets no shell, and a text as its standard input. */
export async function runTool(what: string, tool: Tool, args: readonly string[], input = ''): Promise<CommandResult> {
  return await run(needTool(what, tool), args, input);
}

/** As {@link runTool}; what it printed. Errors: `internal` when it does not end with 0. */
export async function useTool(what: string, tool: Tool, args: readonly string[], input = ''): Promise<string> {
  const result = await runTool(what, tool, args, input);
  if (result.code !== 0) throw toolFailed(what, tool, result);
  return result.output;
}

export function toolFailed(what: string, tool: Tool, { code, output, errors }: CommandResult): SlipwayError {
  const said = (errors.trim() === '' ? output : errors).trim().replaceAll(/\s+/g, ' ').slice(0, 1000);
  return new SlipwayError({
    kind: 'internal',
    code: 'NETWORK_TOOL_FAILED',
    message: `${what}: "${tool}" ended with code ${String(code)}${said === '' ? '' : `: ${said}`}`,
    details: { tool, code },
  });
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
