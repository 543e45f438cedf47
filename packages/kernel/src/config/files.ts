import fs from 'node:fs';
import path from 'node:path';
import { wrapError } from '@slipway/plugin-api';
import type { Problem } from '../problem.js';
import type { TrustCheck } from '../trust.js';
import type { ConfigLayer } from './source.js';

/** Larger than any config file; a bound against reading a device or a log by mistake. */
const maxBytes = 1024 * 1024;

/** A folder's `config.toml`, then its `conf.d/*.toml` in byte order of their names; what does not exist is left out. */
export function filesOf(folder: string): string[] {
  const main = path.join(folder, 'config.toml');
  const dropIns = path.join(folder, 'conf.d');
  const files = fs.existsSync(main) ? [main] : [];
  let names: string[] = [];
  try {
    names = fs.readdirSync(dropIns);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw wrapError(`read configuration folder "${dropIns}"`, error);
  }
  const toml = names.filter((name) => name.endsWith('.toml') && !name.startsWith('.'));
  return [...files, ...toml.sort(byBytes).map((name) => path.join(dropIns, name))];
}

/** Reads and parses one file as a layer. The TOML parser is imported only here: without a config file it is never loaded. */
export async function readLayer(file: string, trust: TrustCheck): Promise<ConfigLayer | Problem> {
  let text: string;
  try {
    text = readBounded(file);
  } catch (error) {
    const { kind, code, message, hint } = wrapError(`read config file "${file}"`, error);
    return { kind, code, message, hint: hint ?? 'check the path that --config or SLIPWAY_CONFIG gives' };
  }
  const untrusted = trust.file('config file', file);
  if (untrusted !== undefined) return untrusted;
  const { parse, TomlError } = await import('smol-toml');
  try {
    return { source: { kind: 'file', path: file, text }, table: parse(text) };
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const [reason] = error.message.split('\n');
    return {
      kind: 'invalid-argument',
      code: 'CONFIG_SYNTAX',
      message: `${file}:${error.line}:${error.column}: ${(reason ?? '').replace('Invalid TOML document: ', 'not valid TOML: ')}`,
      hint: 'correct that line; "slipway config default" prints a file that is right',
    };
  }
}

export function isLayer(value: ConfigLayer | Problem): value is ConfigLayer {
  return 'table' in value;
}

function readBounded(file: string): string {
  const fd = fs.openSync(file, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
  try {
    const stat = fs.fstatSync(fd);
    if (!stat.isFile()) throw new Error('not a regular file');
    if (stat.size > maxBytes) throw new Error(`found ${stat.size} bytes, expected at most ${maxBytes}`);
    return fs.readFileSync(fd, 'utf8');
  } finally {
    fs.closeSync(fd);
  }
}

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
