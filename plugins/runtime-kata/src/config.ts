import path from 'node:path';
import * as v from 'valibot';

const program = v.pipe(v.string(), v.regex(/^(?:[^/\0]+|\/[^\0]+)$/, 'a command name or an absolute path'));
const file = v.pipe(
  v.string(),
  v.check((name) => path.isAbsolute(name), 'an absolute path'),
);
const count = (least: number, most: number) => v.pipe(v.number(), v.integer(), v.minValue(least), v.maxValue(most));
const kernelWord = v.pipe(v.string(), v.regex(/^[!-~]{1,256}$/, 'words without spaces'));

/** The section `[plugin.runtime-kata]` of a config file. */
export const configSchema = v.strictObject({
  qemu: v.optional(v.pipe(program, v.description('QEMU, by name or absolute path')), 'qemu-system-x86_64'),
  machine: v.optional(
    v.pipe(v.string(), v.regex(/^[a-z0-9.-]+$/), v.description("QEMU's machine type; versioned ones as pc-q35-7.2 will do")),
    'q35',
  ),
  firmware: v.optional(
    v.pipe(file, v.description("what QEMU boots by; default: qboot.rom where QEMU's own files have it, else QEMU's default")),
  ),
  accel: v.optional(
    v.pipe(
      v.picklist(['auto', 'kvm', 'tcg']),
      v.description(
        'auto: kvm where a machine was booted with it to the end, else tcg, which is emulation and no isolation by hardware',
      ),
    ),
    'auto',
  ),
  require_hardware: v.optional(
    v.pipe(v.boolean(), v.description('refuse to run containers where isolation is not by hardware (kvm)')),
    false,
  ),
  kernel: v.optional(
    v.pipe(file, v.description('guest kernel, a vmlinux or bzImage; default: the newest of /boot and of what was brought in')),
  ),
  modules: v.optional(
    v.pipe(file, v.description('folder with the modules of that kernel (/lib/modules/VERSION); default: as the kernel is named')),
  ),
  image: v.optional(
    v.pipe(file, v.description('an initrd of your own, with an agent; default: made of slipway-agent, crun and modules')),
  ),
  kernel_params: v.optional(v.pipe(v.array(kernelWord), v.description('further words of the kernel command line')), []),
  memory: v.optional(v.pipe(count(64, 1 << 20), v.description('MiB of a machine whose container has no limit')), 256),
  memory_overhead: v.optional(
    v.pipe(count(32, 1 << 16), v.description('MiB that a machine has more than its container may use')),
    96,
  ),
  vmm_overhead: v.optional(
    v.pipe(count(64, 1 << 16), v.description('MiB that QEMU and its helpers may take beside the memory of the machine')),
    256,
  ),
  cpus: v.optional(v.pipe(count(1, 255), v.description('processors of a machine whose container has no limit')), 1),
  max_cpus: v.optional(v.pipe(count(1, 255), v.description('most processors of a machine; default: those of this host'))),
  first_uid: v.optional(
    v.pipe(
      count(1000, 2_147_000_000),
      v.description(
        'QEMU runs as a user of its own for each machine, one of 65,536 from this number on; default: from 1,900,000,000 on, others for each state folder',
      ),
    ),
  ),
  disk_slots: v.optional(
    v.pipe(count(2, 24), v.description('disks that a machine has at most; more layers than that are put into one disk')),
    16,
  ),
  shared_fs: v.optional(
    v.pipe(v.picklist(['virtio-fs', 'none']), v.description('how folders of this host are shared with a container')),
    'virtio-fs',
  ),
  virtiofsd: v.optional(v.pipe(program, v.description('virtiofsd, by name or absolute path')), '/usr/lib/qemu/virtiofsd'),
  template: v.optional(
    v.pipe(
      v.boolean(),
      v.description(
        'machines of the same kind begin as copies of one that was booted: faster, but they share pages and what their kernels drew at boot',
      ),
    ),
    false,
  ),
  boot_limit: v.optional(
    v.pipe(
      count(1, 3600),
      v.description("seconds from QEMU's start until the container is there; default: 60 with kvm, 300 where all is emulated"),
    ),
  ),
});

export type KataConfig = v.InferOutput<typeof configSchema>;
