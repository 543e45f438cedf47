/** What differs between processors. */
export interface MachinePlatform {
  readonly emulator: string;
  readonly kernelPackage: string;
  /** Arguments of the emulator. */
  readonly machine: readonly string[];
  /** Of the kernel: its first and its second serial line. */
  readonly consoles: readonly [string, string];
}

const platforms: Readonly<Record<string, MachinePlatform>> = {
  x64: {
    emulator: 'qemu-system-x86_64',
    kernelPackage: 'linux-image-cloud-amd64',
    machine: ['-machine', 'q35', '-cpu', 'max'],
    consoles: ['ttyS0', 'ttyS1'],
  },
};

export function machinePlatform(): MachinePlatform {
  const platform = platforms[process.arch];
  if (platform === undefined)
    throw new Error(`no machine is described for ${process.arch}, only for ${Object.keys(platforms).join(', ')}`);
  return platform;
}
