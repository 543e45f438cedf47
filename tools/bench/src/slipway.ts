import path from 'node:path';
import { type Contender, patientCommand } from './contender.ts';

const command = path.join(import.meta.dirname, '../../../build/bin/slipway');

export const slipway = slipwayOn('slipway', []);
/** Each layer a file system in a file, each container a virtual machine. */
export const slipwayKata = slipwayOn('slipway-kata', ['qemu-system-x86_64', 'mkfs.ext4'], 'kata');

function slipwayOn(name: string, programs: readonly string[], stack?: string): Contender {
  return {
    name,
    needs: [command, ...programs],
    open: async (folder, image) => {
      const [root, state] = [path.join(folder, 'root'), path.join(folder, 'state')];
      const base = [command, '--root', root, '--state', state, ...(stack === undefined ? [] : ['--stack', stack])];
      const inProcess = path.join(import.meta.dirname, 'in-process.ts');
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
        ...(stack === undefined && {
          runInProcess: (times: number) => [process.execPath, inProcess, root, state, image, String(times)],
        }),
        [Symbol.asyncDispose]: async () => {},
      };
    },
  };
}
