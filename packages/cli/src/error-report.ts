import { isSlipwayError, redact, wrapError } from '@slipway/plugin-api';
import { printable, printableBlock, printableJson } from './printable.js';

export interface ErrorReportOptions {
  readonly json: boolean;
  /** Adds kind, code, details, causes and stacks. */
  readonly debug: boolean;
}

/** What stderr shows of an error, with its last newline. */
export function errorReport(error: unknown, { json, debug }: ErrorReportOptions): string {
  const known = isSlipwayError(error) ? error : wrapError('unexpected failure', error);
  if (json) {
    const { kind, code, message, hint, details } = known;
    const cause = known.cause === undefined ? undefined : textOf(known.cause);
    const debugging = debug ? { stack: stackLines(known), causes: causesOf(known).map(stackLines) } : {};
    return `${printableJson({ kind, code, message, hint, details: given(details), cause, ...debugging })}\n`;
  }
  const lines = [`slipway: ${printableBlock(known.message)}`];
  if (known.hint !== undefined) lines.push(`hint: ${printable(known.hint)}`);
  if (debug) lines.push(...debugLines(known));
  return `${lines.join('\n')}\n`;
}

function debugLines(error: ReturnType<typeof wrapError>): string[] {
  const details = given(error.details);
  const causes = causesOf(error).flatMap((cause) => [`caused by: ${printableBlock(textOf(cause))}`, ...stackLines(cause)]);
  return [
    `kind: ${error.kind}`,
    `code: ${error.code}`,
    ...(details === undefined ? [] : [`details: ${printableJson(details)}`]),
    ...stackLines(error),
    ...causes,
  ];
}

/** A cause chain that bites its own tail, or is endless, is cut. */
const maxCauses = 16;

function causesOf(error: Error): unknown[] {
  const causes: unknown[] = [];
  for (let cause = error.cause; cause !== undefined && causes.length < maxCauses && !causes.includes(cause); ) {
    causes.push(cause);
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  return causes;
}

function stackLines(error: unknown): string[] {
  const stack = error instanceof Error ? (error.stack ?? '') : '';
  return stack
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
    .map((line) => printable(redact(line)));
}

function textOf(error: unknown): string {
  return redact(error instanceof Error ? error.message : String(error));
}

function given(details: Readonly<Record<string, unknown>> | undefined): Readonly<Record<string, unknown>> | undefined {
  return details === undefined || Object.keys(details).length === 0 ? undefined : details;
}
