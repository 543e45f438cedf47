import { expect } from 'vitest';
import type { Fault, FaultKind, Site } from '../src/faults/fault.ts';
import type { CommandReport, CommandRequest } from '../src/request.ts';
import { type Place, wrongBlobs } from './place.ts';
import { Subject } from './subject.ts';

/** A thing to do to a place. */
export type Work = Omit<CommandRequest, 'options'>;

/** Work that is done with a fault in it, again and again with another. */
export interface Scenario {
  /** Where it is done: a fresh place each time, or the same one. */
  place(): Place | Promise<Place>;
  /** Before it, without a fault. */
  readonly before: readonly Work[];
  /** Between that and the work. */
  readonly prepare?: (place: Place) => Promise<void> | void;
  readonly work: readonly Work[];
  /** A report of the work has nothing to tell, whatever the fault. */
  readonly isHealthy?: boolean;
  /** What it left rightly, where it got no further, is undone by this first. */
  readonly undo?: () => readonly Work[];
  /** After it, without a fault: what must succeed, however the work ended. */
  readonly after: readonly Work[];
  /** What must be true then. */
  check(place: Place): Promise<void>;
}

/** What a caller must be told. */
const kindOf: Readonly<Record<Exclude<FaultKind, 'short'>, string>> = {
  ENOSPC: 'resource-exhausted',
  EMFILE: 'resource-exhausted',
  EIO: 'data-loss',
};

const isAll = process.env['SLIPWAY_ALL_FAULTS'] === '1';

/** Tries faults at every site that a scenario passes, in processes of its own: each kind of error at some of the sites where it can be, and at all of them with SLIPWAY_ALL_FAULTS=1. */
export class FaultTrial implements Disposable {
  readonly #subject = new Subject();
  readonly counts = { sites: 0, faults: 0, survived: 0, missed: 0 };

  /** The sites that the scenario passes, without those that are known. */
  async sites(scenario: Scenario, known: readonly Site[] = []): Promise<Site[]> {
    using place = await scenario.place();
    await this.#must(place, scenario.before);
    await scenario.prepare?.(place);
    const { reports, sites } = await this.#subject.ask({ work: on(place, scenario.work), record: true });
    expect(reports).toEqual(scenario.work.map(() => expect.objectContaining({ outcome: 'done' })));
    await this.#must(place, scenario.after);
    await scenario.check(place);
    const names = new Set(known.map(({ name }) => name));
    return sites.filter(({ name }) => !names.has(name));
  }

  async try(scenario: Scenario, { name, faults }: Site): Promise<void> {
    const turn = this.counts.sites++;
    for (const kind of isAll ? faults : inTurn(faults, turn)) {
      const fault = { site: name, kind };
      if (await this.#tryOnce(scenario, fault)) continue;
      // Passed once in the life of a process only, and this one has passed it.
      this.#subject.restart();
      if (!(await this.#tryOnce(scenario, fault))) this.counts.missed++;
    }
  }

  [Symbol.dispose](): void {
    this.#subject[Symbol.dispose]();
  }

  /** @returns whether the fault happened */
  async #tryOnce(scenario: Scenario, fault: Fault): Promise<boolean> {
    using place = await scenario.place();
    await this.#must(place, scenario.before);
    await scenario.prepare?.(place);
    const wrongBefore = wrongBlobs(place);
    const { reports, hit } = await this.#subject.ask({ work: on(place, scenario.work), fault });
    expectSensible(fault, reports.at(-1));
    if (scenario.isHealthy === true) expectNoProblems(reports);
    expect(wrongBlobs(place).filter((blob) => !wrongBefore.includes(blob))).toEqual([]);
    await this.#must(place, scenario.undo?.() ?? []);
    await this.#must(place, scenario.after);
    await scenario.check(place);
    if (hit) this.counts.faults++;
    if (hit && reports.at(-1)?.outcome === 'done') this.counts.survived++;
    return hit;
  }

  async #must(place: Place, work: readonly Work[]): Promise<void> {
    if (work.length === 0) return;
    const { reports } = await this.#subject.ask({ work: on(place, work) });
    expect(reports).toEqual(work.map(() => expect.objectContaining({ outcome: 'done' })));
    expectNoProblems(reports);
  }
}

/** A part that is written, and one of the errors: the next site meets the next of them. */
function inTurn(faults: readonly FaultKind[], turn: number): readonly FaultKind[] {
  const errors = faults.filter((kind) => kind !== 'short');
  return faults.filter((kind) => kind === 'short' || kind === errors[turn % errors.length]);
}

function expectNoProblems(reports: readonly CommandReport[]): void {
  expect(reports.flatMap((report) => (report.outcome === 'done' ? (report.problems ?? []) : []))).toEqual([]);
}

function on({ options }: Place, work: readonly Work[]): CommandRequest[] {
  return work.map((each) => ({ options, ...each }));
}

/** Done all the same, or failed with what the caller can act on. */
function expectSensible({ kind }: Fault, report: CommandReport | undefined): void {
  if (report?.outcome !== 'failed') return;
  if (kind === 'short') expect(report).toMatchObject({ outcome: 'done' });
  // The message names a thing, by its path or its quoted name.
  else expect(report).toMatchObject({ kind: kindOf[kind], message: expect.stringMatching(/["/]/) });
}
