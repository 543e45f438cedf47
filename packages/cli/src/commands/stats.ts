import { setTimeout as sleep } from 'node:timers/promises';
import { type Engine, hasCode, isKind } from '@slipway/plugin-api';
import type { Action, Invocation } from '../command.js';
import { withEngine } from '../host.js';
import { untilInterrupted } from '../interruption.js';
import { LiveTable } from '../stats/live-table.js';
import { type Sample, type Usage, usageBetween } from '../stats/sample.js';
import { usageJson, usageTable } from '../stats/usage-text.js';

const intervalMs = 1000;

export const stats: Action = (invocation) =>
  withEngine(invocation, (engine) => untilInterrupted('stats', (signal) => follow(engine, invocation, signal)));

async function follow(engine: Engine, invocation: Invocation, signal: AbortSignal): Promise<void> {
  const once = invocation.options.flag('stream') === false;
  const show = display(invocation);
  let before = await samples(engine, invocation);
  do {
    await sleep(intervalMs, undefined, { signal });
    const now = await samples(engine, invocation);
    show(
      now.map((sample) =>
        usageBetween(
          before.find(({ id }) => id === sample.id),
          sample,
        ),
      ),
    );
    before = now;
  } while (!once);
}

function display({ options, global, output }: Invocation): (usages: readonly Usage[]) => void {
  if (global.json) return (usages) => output.out(usages.map(usageJson).join(''));
  const isWhole = options.flag('trunc') === false;
  if (options.flag('stream') === false || !process.stdout.isTTY) return (usages) => output.out(usageTable(usages, isWhole));
  const live = new LiveTable(process.stdout, output);
  return (usages) => live.show(usageTable(usages, isWhole));
}

/** Looked for anew each time: containers come and go. Errors: `not-found` for one that was named. */
async function samples(engine: Engine, { args, options }: Invocation): Promise<readonly Sample[]> {
  if (args.length === 0) {
    const listed = await engine.containers.list({ all: options.flag('all') });
    const found = await Promise.all(listed.map(({ id }) => sampleOf(engine, id).catch(unlessGone)));
    return found.filter((sample) => sample !== undefined);
  }
  return Promise.all(args.map((name) => sampleOf(engine, name)));
}

async function sampleOf(engine: Engine, wanted: string): Promise<Sample> {
  const container = await engine.containers.get(wanted);
  const { id, name } = container;
  try {
    return { id, name, stats: await container.stats() };
  } catch (error) {
    // It does not run, or has ended since it was looked for.
    if (hasCode(error, 'CONTAINER_NOT_RUNNING') || isKind(error, 'not-found')) return { id, name };
    throw error;
  }
}

function unlessGone(error: unknown): undefined {
  if (!isKind(error, 'not-found')) throw error;
}
