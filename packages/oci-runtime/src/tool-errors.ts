import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { getSystemErrorName } from 'node:util';
import { ToolFailure } from '@slipway/monitor';
import { neutralize, quote } from '@slipway/oci';
import { type ErrorKind, SlipwayError, wrapError } from '@slipway/plugin-api';
import { exists } from './container-folder.js';
import type { Tool } from './tool.js';

const maxLogBytes = 64 * 1024;
const maxMessageLength = 600;

export interface ToolContext {
  /** Of a command that the monitor ran. */
  readonly log?: string | undefined;
  /** The program that was to be executed in the container: not every tool names it. */
  readonly command?: string | undefined;
}

/** What went wrong when the tool was asked to do `verb` with a container, with its own last words. */
export function toolError(tool: Tool, verb: string, id: string, failure: unknown, context: ToolContext = {}): SlipwayError {
  const what = `${tool.name} ${verb} of container "${id}"`;
  if (!(failure instanceof ToolFailure)) return wrapError(what, failure);
  const logged = context.log === undefined ? undefined : lastLogMessage(readTail(context.log));
  const said = logged ?? lastLogMessage(failure.output) ?? lastLine(failure.output);
  const details = { id, tool: tool.name, reason: failure.reason, value: failure.value, said };
  const make = (kind: ErrorKind, code: string, message: string, hint?: string) =>
    new SlipwayError({ kind, code, message, hint, details, cause: failure });
  const words = said === '' ? '' : `: ${said}`;
  switch (failure.reason) {
    case 'exit':
      return (
        commandError(id, said, context.command, failure) ??
        make('internal', 'RUNTIME_FAILED', `${what} failed with status ${failure.value}${words}`)
      );
    case 'timeout':
      return make('internal', 'RUNTIME_TIMED_OUT', `${what} did not end within ${failure.value / 1000} s and was killed${words}`);
    case 'signal':
      return make(
        'internal',
        'RUNTIME_KILLED',
        `${what} was ended by signal ${failure.value === 0 ? failure.output : failure.value}${words}`,
      );
    case 'result':
      return make('internal', 'RUNTIME_RESULT_INVALID', `${what} claims to have succeeded, but ${failure.output}`);
    case 'errno':
      return failure.output === 'execve'
        ? make(
            'failed-precondition',
            'RUNTIME_NOT_FOUND',
            `${what}: ${tool.name} could not be executed: ${errnoName(failure.value)}`,
            tool.hint,
          )
        : make('internal', 'MONITOR_FAILED', `${what}: ${failure.output} in the monitor: ${errnoName(failure.value)}`);
    case 'state':
      return make('failed-precondition', 'CONTAINER_STATE', `${what}: ${failure.output}`);
    default:
      return make('internal', 'MONITOR_FAILED', `${what}: ${failure.message}`);
  }
}

/** Runtimes look the command up in the container while they create it; what the container's files lack is no failure of theirs. */
function commandError(id: string, said: string, command: string | undefined, cause: unknown): SlipwayError | undefined {
  if (/container with (?:given )?id (?:already )?exists/i.test(said)) return exists(id, cause);
  const reason = commandReason(said);
  if (reason === undefined) return workdirError(id, said, cause);
  const notFound = /not found|no such file/i.test(reason);
  return new SlipwayError({
    kind: notFound ? 'not-found' : 'permission-denied',
    code: notFound ? 'COMMAND_NOT_FOUND' : 'COMMAND_NOT_EXECUTABLE',
    message: `container "${id}": command ${quote(command ?? '')}: ${reason}`,
    hint: notFound ? 'check its name, and that the image holds it' : 'check that it is a file that its user may execute',
    details: { id, command },
    cause,
  });
}

/**
 * runc: `exec: "nope": executable file not found in $PATH`. crun: `` executable file `nope` not found in $PATH: No such file or directory `` and
 * `open executable: Permission denied`, with `crun create: ` in front where it runs in a machine.
 */
function commandReason(said: string): string | undefined {
  const match =
    /\bexec: "(?:[^"\\]|\\.)*": (.*)$/.exec(said) ??
    /^(?:crun \w+: )?(?:open executable: |executable file `.*` )(.*)$/.exec(said);
  return match?.[1];
}

/** runc: `chdir to cwd ("/nope") set in config.json failed: no such file or directory`. crun: `` chdir `/nope`: No such file or directory ``. */
function workdirError(id: string, said: string, cause: unknown): SlipwayError | undefined {
  const match = /chdir to cwd \("(.*)"\).* failed: (.*)$/.exec(said) ?? /^(?:crun \w+: )?chdir `(.*)`: (.*)$/.exec(said);
  if (match === null) return undefined;
  const [, directory = '', reason = ''] = match;
  return new SlipwayError({
    kind: 'invalid-argument',
    code: 'WORKDIR_INVALID',
    message: `container "${id}": working directory ${quote(directory)}: ${reason}`,
    hint: 'choose another working directory',
    details: { id, directory },
    cause,
  });
}

/** The last message of level error or worse in a JSON log. */
function lastLogMessage(text: string): string | undefined {
  for (const line of text.split('\n').reverse()) {
    try {
      const entry: unknown = JSON.parse(line);
      if (typeof entry !== 'object' || entry === null || !('level' in entry) || !('msg' in entry)) continue;
      if (['error', 'fatal', 'panic'].includes(String(entry.level))) return neutralize(String(entry.msg), maxMessageLength);
    } catch {
      // Whatever else is in there is no log entry: the first line of the tail may be cut, and the tool may write junk.
    }
  }
  return undefined;
}

function readTail(file: string): string {
  try {
    const fd = openSync(file, 'r');
    try {
      const { size } = fstatSync(fd);
      const buffer = Buffer.alloc(Math.min(size, maxLogBytes));
      const length = readSync(fd, buffer, 0, buffer.length, size - buffer.length);
      return buffer.toString('utf8', 0, length);
    } finally {
      closeSync(fd);
    }
  } catch {
    return '';
  }
}

function lastLine(output: string): string {
  return neutralize(output.trim().split('\n').at(-1) ?? '', maxMessageLength);
}

function errnoName(errno: number): string {
  return getSystemErrorName(-errno);
}

export function unsupportedMount(tool: Tool, id: string, kind: string): SlipwayError {
  return new SlipwayError({
    kind: 'unimplemented',
    code: 'MOUNT_KIND_UNKNOWN',
    message: `container "${id}": ${tool.name} cannot use a root file system of kind ${quote(kind)}`,
    details: { id, kind },
  });
}
