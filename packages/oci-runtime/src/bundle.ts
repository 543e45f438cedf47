import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { quote } from '@slipway/oci';
import { SlipwayError, wrapError } from '@slipway/plugin-api';
import * as v from 'valibot';

const maxConfigBytes = 16 * 1024 * 1024;

const specSchema = v.looseObject({
  root: v.looseObject({ path: v.pipe(v.string(), v.minLength(1)) }),
  process: v.looseObject({ terminal: v.optional(v.boolean()), args: v.optional(v.array(v.string())) }),
  linux: v.optional(v.looseObject({ cgroupsPath: v.optional(v.string()) })),
});

/** What has to be known of a bundle before the tool reads it. */
export interface Bundle {
  readonly directory: string;
  /** Absolute. */
  readonly rootfs: string;
  readonly terminal: boolean;
  /** As config.json says; empty when the tool chooses. */
  readonly cgroupsPath: string;
  /** The program, as config.json names it. */
  readonly command: string | undefined;
  /** All of config.json. */
  readonly spec: v.InferOutput<typeof specSchema>;
}

export function readBundle(directory: string): Bundle {
  if (!path.isAbsolute(directory)) throw invalid(directory, 'expected an absolute path');
  const file = path.join(directory, 'config.json');
  const spec = v.safeParse(specSchema, parse(directory, file));
  if (!spec.success) throw invalid(directory, `config.json: ${v.summarize(spec.issues).replaceAll('\n', ' ')}`);
  const { root, process, linux } = spec.output;
  return {
    directory,
    rootfs: path.resolve(directory, root.path),
    terminal: process.terminal ?? false,
    cgroupsPath: linux?.cgroupsPath ?? '',
    command: process.args?.[0],
    spec: spec.output,
  };
}

function parse(directory: string, file: string): unknown {
  try {
    const { size } = statSync(file);
    if (size > maxConfigBytes) throw invalid(directory, `config.json has ${size} bytes, expected at most ${maxConfigBytes}`);
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    if (error instanceof SyntaxError) throw invalid(directory, `config.json is not JSON: ${error.message}`);
    throw wrapError(`bundle ${quote(directory)}`, error);
  }
}

function invalid(directory: string, reason: string): SlipwayError {
  return new SlipwayError({
    kind: 'invalid-argument',
    code: 'BUNDLE_INVALID',
    message: `bundle ${quote(directory)}: ${reason}`,
    details: { bundle: directory },
  });
}
