import { closeSync, mkdirSync, openSync, realpathSync, statSync } from 'node:fs';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { unpackTree } from '@slipway/layers';
import { linux } from '@slipway/linux';
import { type Container, hasCode, wrapError } from '@slipway/plugin-api';
import type { Output } from '../output.js';
import { printable } from '../printable.js';
import { localFailure, notThere } from './failure.js';
import { followLinks } from './follow-links.js';
import { type CopyTarget, planCopy } from './place.js';

export interface CopyOutOptions {
  readonly followLink: boolean;
  /** Owners, and what gives rights, as in the container. */
  readonly archive: boolean;
  readonly signal: AbortSignal;
  readonly output: Output;
}

/** From a container to a path of this machine. Nothing in the container's tree leads out of where it is copied to. */
export async function copyOut(container: Container, from: string, to: string, options: CopyOutOptions): Promise<void> {
  const { followLink, archive, signal, output } = options;
  const stat = followLink ? (await followLinks(container, from)).stat : await container.statPath(from);
  if (stat === undefined)
    throw notThere(`${JSON.stringify(from)} in the container`, 'slipway exec CONTAINER ls shows what is there');
  const name = path.posix.basename(path.posix.normalize(from));
  const isDirectory = stat.kind === 'directory';
  const plan = planCopy({ isDirectory, isContent: /\/\.$/.test(from), name: name === '' ? '.' : name }, localTarget(to));
  // The archive of the whole root has no name for it.
  const isRoot = name === '';
  const folder = isRoot ? path.join(plan.into, plan.as) : plan.into;
  if (isRoot) mkdirSync(folder, { recursive: true });
  const root = openSync(folder, 'r');
  try {
    await received(container, from, { followLink, signal }, (archived) =>
      unpackTree(archived, {
        system: linux,
        root,
        directory: '/',
        as: isRoot ? undefined : Buffer.from(plan.as).toString('latin1'),
        owner: archive ? undefined : { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 },
        privileges: archive,
        noReplaceKind: true,
        signal,
        onWarning: (message) => output.err(`warning: ${printable(message)}\n`),
      }),
    );
  } finally {
    closeSync(root);
  }
}

type CopyFrom = { readonly followLink: boolean; readonly signal: AbortSignal };

/** The first to fail says why; the other one only that its partner is gone. */
async function received(
  container: Container,
  from: string,
  options: CopyFrom,
  take: (archived: PassThrough) => Promise<void>,
): Promise<void> {
  const archived = new PassThrough({ highWaterMark: 1 << 22 });
  let failure: unknown;
  const note = (error: unknown): void => {
    failure ??= error;
    archived.destroy(error instanceof Error ? error : undefined);
  };
  await Promise.allSettled([container.copyFrom(from, archived, options).catch(note), take(archived).catch(note)]);
  if (failure !== undefined) throw failure;
}

function localTarget(to: string): CopyTarget {
  const mustBeDirectory = /\/\.?$/.test(to) || to === '.' || to === '..';
  try {
    const real = realpathSync(to);
    const stats = statSync(real);
    return {
      path: real,
      given: to,
      kind: stats.isDirectory() ? 'directory' : stats.isFile() ? 'file' : 'other',
      mustBeDirectory,
    };
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw wrapError(`copy to ${JSON.stringify(to)}`, localFailure(to, error));
  }
  try {
    const folder = realpathSync(path.dirname(path.resolve(to)));
    return { path: path.join(folder, path.basename(to)), given: to, kind: undefined, mustBeDirectory };
  } catch (error) {
    throw wrapError(`copy to ${JSON.stringify(to)}`, localFailure(path.dirname(to), error));
  }
}
