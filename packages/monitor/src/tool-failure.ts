import { getSystemErrorName } from 'node:util';

/**
 * Why a request failed, in the monitor's words:
 * - `exit`, `signal`, `timeout`: the command that was run ended with this exit code, by this signal, or was killed after this many milliseconds;
 * - `result`: it claimed to have succeeded, and what it left says otherwise (`output` says what);
 * - `errno`: the system call named by `output` failed with this number;
 * - `exited`: the container's first process has ended;
 * - `state`: not possible now; `protocol`, `startup`: the monitor and its client do not fit together, or it could not begin.
 */
export type ToolFailureReason = 'exit' | 'signal' | 'timeout' | 'result' | 'errno' | 'exited' | 'state' | 'protocol' | 'startup';

export class ToolFailure extends Error {
  override readonly name = 'ToolFailure';

  constructor(
    readonly request: string,
    readonly reason: ToolFailureReason,
    readonly value: number,
    /** What the command printed last, at most 4 KiB. */
    readonly output: string,
  ) {
    const what = reason === 'errno' ? getSystemErrorName(-value) : `${reason} ${value}`;
    super(`monitor request ${request}: ${what}${output.trim() === '' ? '' : `: ${output.trim()}`}`);
  }
}
