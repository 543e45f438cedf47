import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { Cgroup } from './cgroup.ts';
import type { Contender, Session } from './contender.ts';
import { measure } from './measure.ts';
import { median, type Sample } from './report.ts';

const RUNS_PER_SESSION = 5;

export interface Plan {
  readonly contenders: readonly Contender[];
  /** References that all contenders can pull; containers are run from the first one. */
  readonly images: readonly string[];
  readonly rounds: number;
  /** Where the stores go. */
  readonly folder: string;
  readonly onSample: (sample: Sample) => void;
}

/** All contenders in turn, round after round, each time with a new and empty store, so that a slow minute of the machine hits all alike. */
export async function bench({ contenders, images, rounds, folder, onSample }: Plan): Promise<void> {
  for (let round = 0; round < rounds; round += 1) {
    for (const [index, image] of images.entries()) {
      for (const contender of contenders) {
        // Short: podman refuses a run root of more than 50 characters.
        const name = `${round}-${index}-${contender.name.replace(' ', '-')}`;
        const store = path.join(folder, name);
        mkdirSync(store);
        await using cgroup = new Cgroup(`slipway-bench-${process.pid}-${name}`);
        await using session = await contender.open(store, image, cgroup);
        for await (const sample of samples(session, contender.name, image, cgroup, index === 0)) onSample(sample);
      }
    }
  }
}

async function* samples(
  session: Session,
  contender: string,
  image: string,
  cgroup: Cgroup,
  runs: boolean,
): AsyncGenerator<Sample> {
  const label = image.replace(/^[^/]+\//, '');
  yield { workload: `pull ${label}`, contender, ...(await measure(session.pull, cgroup)) };
  if (session.pullAgain) yield { workload: `pull again ${label}`, contender, ...(await measure(session.pullAgain, cgroup)) };
  if (!runs) return;
  for (let i = 0; i < RUNS_PER_SESSION; i += 1) {
    yield { workload: 'run true', contender, ...(await measure(session.run(`slipway-bench-${process.pid}-${i}`), cgroup)) };
  }
  if (!session.runInProcess) return;
  const { stdout, cpuMs, peakBytes } = await measure(session.runInProcess(RUNS_PER_SESSION), cgroup);
  const wallMs = median(JSON.parse(stdout) as number[]);
  yield { workload: 'run true, in one process', contender, wallMs, cpuMs: cpuMs / RUNS_PER_SESSION, peakBytes };
}
