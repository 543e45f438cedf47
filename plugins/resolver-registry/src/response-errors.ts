import { neutralize, quote } from '@slipway/oci';
import { type ErrorKind, SlipwayError } from '@slipway/plugin-api';
import { endingInTime } from './bounded-body.js';
import type { HttpResponse } from './transport.js';

export interface ResponseErrorOptions {
  readonly conceal: (text: string) => string;
  readonly signal?: AbortSignal | undefined;
}

const maxErrorBody = 16 * 1024;
const maxShown = 300;
const notUnderstood = 'check the image name, and that host and port are those of a registry';

/** The error of an answer that is no success, with what the registry says about it. Reads the body, within bounds. */
export async function responseError(what: string, response: HttpResponse, options: ResponseErrorOptions): Promise<SlipwayError> {
  const said = await registryWords(response, options.conceal);
  const words = said.text === '' ? '' : ` (${neutralize(said.text, maxShown)})`;
  const { kind, code, hint } = classify(response.status);
  return new SlipwayError({
    kind,
    code,
    message: `${what}: ${quote(response.url.host)} answered ${response.status}${words}`,
    hint,
    details: { status: response.status, registryCodes: said.codes },
  });
}

function classify(status: number): { readonly kind: ErrorKind; readonly code: string; readonly hint?: string } {
  if (status === 401 || status === 403) return { kind: 'permission-denied', code: 'REGISTRY_UNAUTHORIZED' };
  if (status === 404) return { kind: 'not-found', code: 'REGISTRY_NOT_FOUND' };
  if (status === 429)
    return {
      kind: 'unavailable',
      code: 'REGISTRY_TOO_MANY_REQUESTS',
      hint: 'the registry limits how often it may be asked: wait, or configure credentials',
    };
  if (status >= 500 || status === 408)
    return { kind: 'unavailable', code: 'REGISTRY_SERVER_ERROR', hint: 'the registry has a problem: try again later' };
  if (status >= 400) return { kind: 'invalid-argument', code: 'REGISTRY_REQUEST_REFUSED', hint: notUnderstood };
  return { kind: 'unavailable', code: 'REGISTRY_ANSWER_UNEXPECTED', hint: notUnderstood };
}

/** Codes and messages of distribution-spec's error body, or the first line of another one. */
async function registryWords(
  response: HttpResponse,
  conceal: (text: string) => string,
): Promise<{ readonly text: string; readonly codes: readonly string[] }> {
  const text = await readBeginning(response);
  try {
    const body = JSON.parse(text) as { errors?: unknown; details?: unknown } | null;
    const errors = Array.isArray(body?.errors) ? body.errors.slice(0, 8) : [];
    const entries = errors.map((entry: unknown) => {
      const { code, message } = (typeof entry === 'object' && entry !== null ? entry : {}) as {
        code?: unknown;
        message?: unknown;
      };
      // Before anything is cut: a part of a secret would not be found.
      const shown = (value: unknown): string => (typeof value === 'string' ? conceal(value) : '');
      return { code: shown(code).slice(0, 64), message: shown(message) };
    });
    const details = typeof body?.details === 'string' ? conceal(body.details) : '';
    const shown = entries.map(({ code, message }) => [code, message].filter((part) => part !== '').join(': ')).join('; ');
    return {
      text: shown === '' ? details : shown,
      codes: entries.map(({ code }) => code).filter((code) => /^[A-Z_]+$/.test(code)),
    };
  } catch {
    const plain = String(response.headers['content-type'] ?? '').startsWith('text/plain');
    return { text: plain ? conceal((text.split('\n', 1)[0] ?? '').trim()) : '', codes: [] };
  }
}

/** Up to 16 KiB; what goes wrong while reading an explanation is no reason to hide the error itself. */
async function readBeginning(response: HttpResponse): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  using _end = endingInTime(response);
  try {
    for await (const chunk of response.body as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      size += chunk.byteLength;
      if (size >= maxErrorBody) break;
    }
  } catch {
    // Shown is what came.
  }
  return Buffer.concat(chunks).toString('utf8', 0, Math.min(size, maxErrorBody));
}
