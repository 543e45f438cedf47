import path from 'node:path';
import { type Contender, patientCommand } from './contender.ts';

// podman raises limits when it is told none, and a host without CAP_SYS_RESOURCE forbids that.
const limits = ['--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=1024:1024'];

export const podman: Contender = {
  name: 'podman',
  needs: ['podman', 'runc'],
  open: async (folder, image) => {
    const stores = [
      '--root',
      path.join(folder, 'root'),
      '--runroot',
      path.join(folder, 'state'),
      '--tmpdir',
      path.join(folder, 'tmp'),
    ];
    const base = [
      'podman',
      ...stores,
      '--storage-driver',
      'overlay',
      '--runtime',
      'runc',
      '--cgroup-manager',
      'cgroupfs',
      '--events-backend',
      'none',
    ];
    const pull = [...base, 'pull', '--quiet', '--tls-verify=false', image];
    return {
      pull,
      pullAgain: pull,
      run: (id) => [...base, 'run', '--rm', '--network', 'none', ...limits, '--name', id, image, 'true'],
      lasting: {
        start: (id) => [...base, 'run', '--detach', '--network', 'none', ...limits, '--name', id, image, ...patientCommand],
        exec: (id) => [...base, 'exec', id, 'true'],
        stop: (id) => [...base, 'stop', id],
        remove: (id) => [...base, 'rm', id],
      },
      [Symbol.asyncDispose]: async () => {},
    };
  },
};
