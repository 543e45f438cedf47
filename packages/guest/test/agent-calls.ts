import { type AgentClient, AgentService, processMessage, resourcesMessage, specMessage } from '@slipway/kata-agent';
import type { RuntimeProcess, RuntimeResources, RuntimeSpec } from '@slipway/plugin-api';

const { method } = AgentService;
export const folder = '/run/kata-containers/c1';
const containerId = 'c1';

const capabilities = ['CAP_CHOWN', 'CAP_DAC_OVERRIDE', 'CAP_KILL', 'CAP_NET_RAW', 'CAP_SETGID', 'CAP_SETUID'];

export function processOf(args: readonly string[], more: Partial<RuntimeProcess> = {}): RuntimeProcess {
  return {
    user: { uid: 0, gid: 0 },
    args,
    env: ['PATH=/bin'],
    cwd: '/',
    capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
    ...more,
  };
}

export function specOf(process: RuntimeProcess, resources: RuntimeResources = {}): RuntimeSpec {
  return {
    ociVersion: '1.0.2',
    hostname: 'guest',
    root: { path: `${folder}/rootfs` },
    process,
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc' },
      { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755', 'size=65536k'] },
      {
        destination: '/dev/pts',
        type: 'devpts',
        source: 'devpts',
        options: ['newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
      },
      { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['ro', 'nosuid'] },
      { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: ['ro'] },
    ],
    linux: {
      namespaces: ['pid', 'ipc', 'uts', 'mount', 'cgroup'].map((type) => ({ type })),
      cgroupsPath: '/c1',
      resources: { devices: [{ allow: false, access: 'rwm' }], ...resources },
      maskedPaths: ['/proc/kcore'],
      readonlyPaths: ['/proc/sys'],
    },
  };
}

export const storages = [
  { driver: 'blk', source: '/dev/disk/by-id/virtio-l0', fstype: 'erofs', options: ['ro'], mountPoint: `${folder}/layers/0` },
  { driver: 'blk', source: '/dev/disk/by-id/virtio-upper', fstype: 'ext4', options: [], mountPoint: `${folder}/upper` },
  {
    driver: 'overlayfs',
    source: 'none',
    fstype: 'overlay',
    options: [`lowerdir=${folder}/layers/0`, `upperdir=${folder}/upper/upper`, `workdir=${folder}/upper/work`],
    mountPoint: `${folder}/rootfs`,
  },
];

/** Requests of the one container `c1`. Nothing has a limit of its own: an emulated machine may be slow. */
export class Container {
  readonly #agent: AgentClient;

  constructor(agent: AgentClient) {
    this.#agent = agent;
  }

  async create(process: RuntimeProcess, resources?: RuntimeResources, from: readonly object[] = storages): Promise<void> {
    const OCI = specMessage(specOf(process, resources));
    await this.#agent.call(method.createContainer, { containerId, execId: containerId, storages: [...from], OCI }, unlimited);
  }

  async start(): Promise<void> {
    await this.#agent.call(method.startContainer, { containerId }, unlimited);
  }

  async run(process: RuntimeProcess, resources?: RuntimeResources): Promise<void> {
    await this.create(process, resources);
    await this.start();
  }

  async exec(execId: string, process: RuntimeProcess): Promise<void> {
    await this.#agent.call(method.execProcess, { containerId, execId, process: processMessage(process) }, unlimited);
  }

  async read(execId = containerId, stream: 'out' | 'err' = 'out'): Promise<Buffer> {
    const ask = stream === 'out' ? method.readStdout : method.readStderr;
    const { data } = await this.#agent.call(ask, { containerId, execId, len: 65_536 }, unlimited);
    return Buffer.from(data);
  }

  /** A read may bring less than what was written at once. */
  async readLine(execId = containerId): Promise<string> {
    let line = '';
    while (!line.endsWith('\n')) {
      const data = await this.read(execId);
      if (data.length === 0) break;
      line += data.toString();
    }
    return line;
  }

  async readAll(execId = containerId, stream: 'out' | 'err' = 'out'): Promise<string> {
    const pieces: Buffer[] = [];
    for (;;) {
      const data = await this.read(execId, stream);
      if (data.length === 0) return Buffer.concat(pieces).toString();
      pieces.push(data);
    }
  }

  async write(data: string, execId = containerId): Promise<number> {
    return (await this.#agent.call(method.writeStdin, { containerId, execId, data: Buffer.from(data) }, unlimited)).len;
  }

  async closeInput(execId = containerId): Promise<void> {
    await this.#agent.call(method.closeStdin, { containerId, execId }, unlimited);
  }

  async wait(execId = containerId): Promise<{ readonly status: number; readonly signal: number; readonly oomKilled: boolean }> {
    return await this.#agent.call(method.waitProcess, { containerId, execId }, unlimited);
  }

  async signal(signal: number, execId: string): Promise<void> {
    await this.#agent.call(method.signalProcess, { containerId, execId, signal }, unlimited);
  }

  async update(resources: RuntimeResources): Promise<void> {
    await this.#agent.call(method.updateContainer, { containerId, resources: resourcesMessage(resources) }, unlimited);
  }

  async remove(): Promise<void> {
    await this.#agent.call(method.removeContainer, { containerId }, unlimited);
  }
}

export const unlimited = { timeoutMs: 0 };
