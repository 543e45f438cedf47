import { ToolFailure } from '@slipway/monitor';
import { neutralize } from '@slipway/oci';
import { type RuntimeFeatures, SlipwayError } from '@slipway/plugin-api';
import { limitsMs, runRunc } from './runc-command.js';
import { installHint } from './runc-errors.js';

/** Asks runc. Errors: `failed-precondition` when it is missing or is no runc. */
export async function readFeatures(binary: string): Promise<RuntimeFeatures> {
  const text = await runRunc([binary, '--version'], limitsMs.query).catch((error: unknown) => {
    throw notRunc(binary, error instanceof Error ? error.message : String(error), error);
  });
  const version = /^runc version (\S+)/m.exec(text)?.[1];
  if (version === undefined) throw notRunc(binary, `"--version" printed ${JSON.stringify(neutralize(text.trim(), 80))}`);
  return {
    version: `runc ${version}`,
    isolation: 'process',
    pause: true,
    exec: true,
    update: true,
    seccomp: await hasSeccomp(binary, text),
  };
}

/** `runc features` came with 1.1; an older one names the library in its version when it has it. */
async function hasSeccomp(binary: string, versionText: string): Promise<boolean> {
  try {
    const features: unknown = JSON.parse(await runRunc([binary, 'features'], limitsMs.query));
    const linux = property(features, 'linux');
    return property(property(linux, 'seccomp'), 'enabled') === true;
  } catch (error) {
    if (error instanceof ToolFailure || error instanceof SyntaxError) return /^libseccomp: /m.test(versionText);
    throw error;
  }
}

function property(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined;
}

function notRunc(binary: string, reason: string, cause?: unknown): SlipwayError {
  return new SlipwayError({
    kind: 'failed-precondition',
    code: 'RUNC_NOT_FOUND',
    message: `runc at ${JSON.stringify(binary)} does not work: ${reason}`,
    hint: installHint,
    details: { binary },
    cause,
  });
}
