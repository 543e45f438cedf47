import { type ExecOptions, type RuntimeProcess, type RuntimeSpec, SlipwayError } from '@slipway/plugin-api';
import { processCapabilities } from '../../bundle/capabilities/index.js';
import { buildEnv, envValue } from '../../bundle/env.js';
import { findCommand, type HostFacts, type RootFiles } from '../../bundle/index.js';
import { resolveUser } from '../../bundle/user.js';

export interface ExecInput {
  /** Of the container that runs. */
  readonly spec: RuntimeSpec;
  readonly options: ExecOptions;
  /** Groups beyond those of the user, as the container has them. */
  readonly groups: readonly string[];
  /** The container's root as it is now. */
  readonly root: RootFiles;
  /** False: what the container has changed is not in it, and what is missing there only the runtime knows. */
  readonly isWhole: boolean;
  readonly host: Pick<HostFacts, 'capabilities'>;
}

/**
 * A process in a container: as the container's own, but for what is asked for. Users are looked up as the container has them now. Errors: `invalid-argument`,
 * USER_NOT_FOUND, COMMAND_NOT_FOUND, COMMAND_NOT_EXECUTABLE.
 */
export function execProcess({ spec, options, groups, root, isWhole, host }: ExecInput): RuntimeProcess {
  const own = spec.process;
  const { args, terminal, privileged = false } = options;
  if (args.length === 0 || args[0] === '') throw invalid('the command is empty', 'give the command to execute');
  const { consoleSize: _size, rlimits, oomScoreAdj, user: ownUser, ...rest } = own;
  const user = options.user === undefined || options.user === '' ? undefined : resolveUser(root, options.user, groups);
  const cwd =
    options.workdir === undefined || options.workdir === '' ? own.cwd : workdir(isWhole ? root : undefined, options.workdir);
  const all = privileged ? processCapabilities({ privileged }, host) : undefined;
  // Also where no name is to be looked up: runtimes open these files as well, and a FIFO in the place of one would hold them for ever.
  const ownHome = resolveUser(root, `${ownUser.uid}`).home;
  const process: RuntimeProcess = {
    ...rest,
    terminal: terminal !== undefined,
    ...(terminal === undefined ? {} : { consoleSize: { height: terminal.rows, width: terminal.columns } }),
    user: user === undefined ? ownUser : { uid: user.uid, gid: user.gid, additionalGids: user.additionalGids },
    args,
    env: environment(own, options, ownHome, user?.home),
    cwd,
    ...(all === undefined ? {} : { capabilities: { bounding: all, effective: all, permitted: all }, noNewPrivileges: false }),
    ...(rlimits === undefined ? {} : { rlimits }),
    ...(oomScoreAdj === undefined ? {} : { oomScoreAdj }),
  };
  if (isWhole) findCommand(root, process);
  return process;
}

/** HOME is that of the other user, unless the container's was set to something else than that of its own. */
function environment(own: RuntimeProcess, options: ExecOptions, ownHome: string, home: string | undefined): readonly string[] {
  const isOwnHome = home !== undefined && envValue(own.env, 'HOME') === ownHome;
  return buildEnv({
    hostname: envValue(own.env, 'HOSTNAME') ?? '',
    home: home ?? '/',
    terminal: options.terminal !== undefined,
    image: isOwnHome ? own.env.filter((entry) => !entry.startsWith('HOME=')) : own.env,
    options: options.env ?? [],
  });
}

function workdir(root: RootFiles | undefined, path: string): string {
  if (!path.startsWith('/')) throw invalid(`working directory ${JSON.stringify(path)} is not absolute`, 'as in --workdir /srv');
  const found = root?.find(path);
  if (root === undefined || found?.kind === 'directory') return path;
  throw invalid(
    `working directory ${JSON.stringify(path)} ${found === undefined ? 'is not in the container' : 'is no directory'}`,
    'name a directory that the container has',
  );
}

function invalid(problem: string, hint: string): SlipwayError {
  return new SlipwayError({
    kind: 'invalid-argument',
    code: 'EXEC_INVALID',
    message: `execute in a container: ${problem}`,
    hint,
  });
}
