import path from 'node:path';
import { type Contender, patientCommand } from './contender.ts';

const command = path.join(import.meta.dirname, '../../../build/bin/slipway');

export const slipway: Contender = {
  name: 'slipway',
  needs: [command],
  open: async (folder, image) => {
    const [root, state] = [path.join(folder, 'root'), path.join(folder, 'state')];
    const base = [command, '--root', root, '--state', state];
    return {
      pull: [...base, 'pull', image],
      pullAgain: [...base, 'pull', image],
      run: (id) => [...base, 'run', '--rm', '--network', 'none', '--name', id, image, 'true'],
      lasting: {
        start: (id) => [...base, 'run', '--detach', '--network', 'none', '--name', id, image, ...patientCommand],
        exec: (id) => [...base, 'exec', id, 'true'],
        stop: (id) => [...base, 'stop', id],
        remove: (id) => [...base, 'rm', id],
      },
      runInProcess: (times) => [
        process.execPath,
        path.join(import.meta.dirname, 'in-process.ts'),
        root,
        state,
        image,
        String(times),
      ],
      [Symbol.asyncDispose]: async () => {},
    };
  },
};
