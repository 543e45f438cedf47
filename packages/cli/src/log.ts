import type { Logger } from '@slipway/plugin-api';
import type { Output } from './output.js';
import { printable, printableJson } from './printable.js';

type Fields = Readonly<Record<string, unknown>> | undefined;

/** Plugins' log on stderr: warnings and errors, and with `debug` everything with its fields. */
export function stderrLog(output: Output, debug: boolean): Logger {
  const line = (level: string) => (message: string, fields: Fields) => output.err(`${logLine(level, message, fields, debug)}\n`);
  const nothing = (): void => undefined;
  return {
    debug: debug ? line('debug') : nothing,
    info: debug ? line('info') : nothing,
    warn: line('warning'),
    error: line('error'),
  };
}

function logLine(level: string, message: string, fields: Fields, debug: boolean): string {
  const { plugin, ...rest } = fields ?? {};
  const who = typeof plugin === 'string' ? `${printable(plugin)}: ` : '';
  const more = debug && Object.keys(rest).length > 0 ? ` ${fieldsText(rest)}` : '';
  return `${level}: ${who}${printable(message)}${more}`;
}

/** A field may be anything, also what JSON cannot say. */
function fieldsText(fields: Readonly<Record<string, unknown>>): string {
  try {
    return printableJson(fields);
  } catch {
    return printable(Object.keys(fields).join(', '));
  }
}
