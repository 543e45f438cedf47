import type { Runtime } from '@slipway/plugin-api';
import type { Operate } from '../children/child-process.js';
import { RuntimeBench } from './bench.js';

/** One thing for a child process to do with a container. The bench is told where it is. */
export type RuntimeOperation =
  | readonly ['create', place: BenchPlace, id: string, script: string, dieWithParent: boolean]
  | readonly ['start' | 'delete', place: BenchPlace, id: string]
  | readonly ['exec', place: BenchPlace, id: string, script: string, dieWithParent: boolean]
  | readonly ['state', place: BenchPlace, id: string];

export interface BenchPlace {
  readonly root: string;
  readonly busybox: string;
}

export const operate: Operate<Runtime, RuntimeOperation> = async (runtime, operation, say) => {
  const [what, { root, busybox }, id] = operation;
  const bench = new RuntimeBench(root, runtime, busybox, await runtime.features());
  switch (what) {
    case 'create': {
      const [, , , script, dieWithParent] = operation;
      await using container = await bench.create(script, { id, request: { dieWithParent } });
      say(String(container.pid));
      // What was only created ends with who could start it.
      await container.start();
      return undefined;
    }
    case 'exec': {
      const [, , , script, dieWithParent] = operation;
      const stdio = { stdin: 'null', stdout: 'null', stderr: 'null' } as const;
      await using made = await bench.exec(id, script, { stdio, request: { dieWithParent } });
      return String(made.pid);
    }
    case 'start':
      await runtime.start(id);
      return undefined;
    case 'delete':
      await runtime.delete(id);
      return undefined;
    case 'state':
      return (await runtime.state(id)).status;
  }
};
