import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import { join } from 'node:path';
import { linux } from '@slipway/linux';
import type { ContainerSettings, RuntimeSpec } from '@slipway/plugin-api';
import {
  buildSpec,
  generateContainerId,
  readHostFacts,
  rootFiles,
  type SpecInput,
  writeBundle,
} from '../../dist/bundle/index.js';
import { bare, image } from './hosts.js';

export interface RunResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * System calls that a shell has no command for, by name, answering what the kernel did: 0 or the name of the error. Compiled here because
 * nothing else shows what the filter says of exact arguments.
 */
const probeSource = `
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
static void say(const char *what, long result) {
  printf("%s %s\\n", what, result >= 0 ? "0" : strerrorname_np(errno));
}
int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  say("keyctl", syscall(SYS_keyctl, 0, -3, 0));
  say("mount", syscall(SYS_mount, "none", "/tmp", "tmpfs", 0, 0));
  say("bpf", syscall(SYS_bpf, 0, 0, 0));
  say("io_uring_setup", syscall(SYS_io_uring_setup, 1, 0));
  say("userfaultfd", syscall(SYS_userfaultfd, 0));
  say("open_by_handle_at", syscall(SYS_open_by_handle_at, 0, 0, 0));
  say("clone3", syscall(SYS_clone3, 0, 0));
  long child = syscall(SYS_clone, CLONE_NEWUSER | 17, 0, 0, 0, 0);
  if (child == 0) _exit(0);
  say("clone_newuser", child);
  say("unshare_user", syscall(SYS_unshare, CLONE_NEWUSER));
  for (long family = 0; family < 64; family++) {
    if (syscall(SYS_socket, family, 2, 0) < 0 && errno == EPERM) printf("family %ld EPERM\\n", family);
  }
  say("socket_inet", syscall(SYS_socket, 2L, 2, 0));
  say("socket_alg_high", syscall(SYS_socket, (1L << 32) + 38, 5, 0));
  say("socket_vsock_high", syscall(SYS_socket, (1L << 32) + 40, 1, 0));
  say("personality", syscall(SYS_personality, 0xffffffffL));
  say("personality_no_random", syscall(SYS_personality, 0x0040000L));
  say("unknown", syscall(1000));
  return 0;
}
`;

/** A root file system of busybox, and a place for bundles, in one temporary folder. */
export class Box implements Disposable {
  readonly directory = fs.mkdtempSync(join(os.tmpdir(), 'slipway-bundle-'));
  readonly #rootfs = join(this.directory, 'image');
  readonly #cgroup = `slipway-test-${process.pid}`;

  constructor() {
    for (const folder of ['bin', 'etc', 'root', 'tmp', 'home/app']) fs.mkdirSync(join(this.#rootfs, folder), { recursive: true });
    fs.copyFileSync('/bin/busybox', join(this.#rootfs, 'bin/busybox'));
    fs.chmodSync(join(this.#rootfs, 'bin/busybox'), 0o755);
    for (const name of [
      'sh',
      'cat',
      'ls',
      'id',
      'hostname',
      'env',
      'pwd',
      'unshare',
      'mount',
      'tty',
      'grep',
      'stat',
      'touch',
      'true',
      'mkdir',
      'sleep',
      'ps',
      'kill',
      'mknod',
      'dd',
      'test',
      'readlink',
      'head',
      'wc',
      'rm',
      'cut',
    ]) {
      fs.symlinkSync('busybox', join(this.#rootfs, 'bin', name));
    }
    fs.writeFileSync(join(this.#rootfs, 'etc/passwd'), 'root:x:0:0::/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n');
    fs.writeFileSync(join(this.#rootfs, 'etc/group'), 'root:x:0:\nwheel:x:10:app\n');
  }

  /** Compiles the probe into the image as /bin/probe. */
  addProbe(): void {
    const source = join(this.directory, 'probe.c');
    fs.writeFileSync(source, probeSource);
    const compiled = spawnSync('gcc', ['-static', '-o', join(this.#rootfs, 'bin/probe'), source], { encoding: 'utf8' });
    if (compiled.status !== 0) throw new Error(compiled.stderr);
  }

  spec(settings: ContainerSettings, config: unknown = {}, more: Partial<SpecInput> = {}): RuntimeSpec {
    const fd = fs.openSync(this.#rootfs, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
    try {
      return buildSpec({
        ...bare,
        id: generateContainerId(),
        image: image(config),
        settings,
        rootfs: rootFiles(linux, fd),
        host: readHostFacts(),
        ...more,
      });
    } finally {
      fs.closeSync(fd);
    }
  }

  /** By the real runc, on the image's folder itself. `tty` runs it inside a pseudo-terminal. */
  async run(spec: RuntimeSpec, { tty = false } = {}): Promise<RunResult> {
    const id = generateContainerId();
    const bundle = join(this.directory, id);
    const real = {
      ...spec,
      root: { ...spec.root, path: this.#rootfs },
      linux: { ...spec.linux, cgroupsPath: `/${this.#cgroup}/${id}` },
    };
    await writeBundle(bundle, real);
    const options = { encoding: 'utf8', timeout: 60_000, input: '' } as const;
    const state = join(this.directory, 'state');
    try {
      const args = ['--root', state, 'run', '--bundle', bundle, id];
      const run = tty
        ? spawnSync('script', ['-qec', `runc ${args.join(' ')}`, '/dev/null'], options)
        : spawnSync('runc', args, options);
      const { status, stdout, stderr } = run;
      return { status, stdout, stderr };
    } finally {
      spawnSync('runc', ['--root', state, 'delete', '--force', id], options);
      fs.rmSync(bundle, { recursive: true });
    }
  }

  [Symbol.dispose](): void {
    fs.rmSync(this.directory, { recursive: true });
    const parents = ['/sys/fs/cgroup', ...fs.readdirSync('/sys/fs/cgroup').map((name) => join('/sys/fs/cgroup', name))];
    for (const parent of parents) {
      const own = join(parent, this.#cgroup);
      if (fs.existsSync(own)) fs.rmdirSync(own);
    }
  }
}
