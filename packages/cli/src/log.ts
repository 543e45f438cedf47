import type { Logger } from '@slipway/plugin-api';
import type { Output } from './output.js';
import { printable, printableJson } from './printable.js';

type Fields = Readonly<Record<string, unknown>> | undefined;

/** Plugins' log on stderr: warnings and errors, and with `debug` everything with its fields. With `json` one object a line. */
export function stderrLog(output: Output, { json, debug }: { readonly json: boolean; readonly debug: boolean }): Logger {
  const line = (level: string) => (message: string, fields: Fields) => {
    const { plugin, ...rest } = fields ?? {};
    const who = typeof plugin === 'string' ? plugin : undefined;
    const more = debug && Object.keys(rest).length > 0 ? rest : undefined;
    output.err(`${json ? jsonLine(level, who, message, more) : textLine(level, who, message, more)}\n`);
  };
  const nothing = (): void => undefined;
  return {
    debug: debug ? line('debug') : nothing,
    info: debug ? line('info') : nothing,
    warn: line('warning'),
    error: line('error'),
  };
}

function jsonLine(level: string, plugin: string | undefined, message: string, fields: Fields): string {
  return printableJson({ level, plugin, message, ...(fields === undefined ? {} : { fields: fieldsText(fields) }) });
}

function textLine(level: string, plugin: string | undefined, message: string, fields: Fields): string {
  const who = plugin === undefined ? '' : `${printable(plugin)}: `;
  return `${level}: ${who}${printable(message)}${fields === undefined ? '' : ` ${fieldsText(fields)}`}`;
}

/** A field may be anything, also what JSON cannot say. */
function fieldsText(fields: NonNullable<Fields>): string {
  try {
    return printableJson(fields);
  } catch {
    return printable(Object.keys(fields).join(', '));
  }
}
