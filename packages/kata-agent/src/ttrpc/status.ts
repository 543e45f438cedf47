import { type ErrorKind, SlipwayError } from '@slipway/plugin-api';

/** gRPC's codes, which ttrpc has too. */
const kinds: ReadonlyMap<number, ErrorKind> = new Map<number, ErrorKind>([
  [1, 'canceled'],
  [3, 'invalid-argument'],
  [4, 'unavailable'],
  [5, 'not-found'],
  [6, 'already-exists'],
  [7, 'permission-denied'],
  [8, 'resource-exhausted'],
  [9, 'failed-precondition'],
  [10, 'aborted'],
  [11, 'out-of-range'],
  [12, 'unimplemented'],
  [13, 'internal'],
  [14, 'unavailable'],
  [15, 'data-loss'],
]);

/** Of what an agent says: it may be anything. */
const maxMessage = 2048;

/** The agent answered that it did not go well: `AGENT_REFUSED`. */
export function refused(method: string, code: number, message: string): SlipwayError {
  return new SlipwayError({
    kind: kinds.get(code) ?? 'internal',
    code: 'AGENT_REFUSED',
    message: `agent of the virtual machine: ${method}: ${printable(message) || `code ${code}`}`,
    details: { method, status: code },
  });
}

/** The agent is not to be reached, or does not answer: `AGENT_UNAVAILABLE`. */
export function unavailable(what: string, cause?: unknown): SlipwayError {
  return new SlipwayError({
    kind: 'unavailable',
    code: 'AGENT_UNAVAILABLE',
    message: `agent of the virtual machine: ${what}`,
    hint: 'see whether the container still runs: `slipway ps -a`',
    cause,
  });
}

/** The agent sent what it must not: `AGENT_PROTOCOL`. */
export function broken(what: string, cause?: unknown): SlipwayError {
  return new SlipwayError({
    kind: 'internal',
    code: 'AGENT_PROTOCOL',
    message: `agent of the virtual machine: broken protocol: ${what}`,
    hint: 'end the container: what runs in it may have got hold of its machine',
    cause,
  });
}

/** It may come to stand on a terminal. */
function printable(text: string): string {
  return text
    .slice(0, maxMessage)
    .replace(/\p{C}+/gu, ' ')
    .trim();
}
