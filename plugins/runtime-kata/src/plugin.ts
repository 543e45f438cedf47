import { OciRuntime, toolToken } from '@slipway/oci-runtime';
import { definePlugin, runtimePoint } from '@slipway/plugin-api';
import { configSchema } from './config.js';
import { accepts, KataMachines } from './kata-machines.js';
import { findShim } from './programs.js';
import { Qemu } from './qemu/qemu.js';

/** `runtime.v1/kata`. */
export const plugin = definePlugin({
  provides: runtimePoint,
  id: 'kata',
  api: '1.0',
  config: configSchema,
  declares: { accepts: [...accepts], isolation: 'vm' },
  activate: ({ config, container, dirs, log, skip }) => {
    if (process.arch !== 'x64')
      return skip(`machines are made for x86-64, and this host is ${process.arch}`, 'use runc or crun on this host');
    const shim = findShim();
    if (shim === undefined)
      return skip(
        'slipway-kata-shim was not found',
        'build it with `make -C native/kata-shim`, or set SLIPWAY_KATA_SHIM to its path',
      );
    const vmm = new Qemu({ binary: config.qemu, machine: config.machine, firmware: config.firmware });
    const machine = new KataMachines(vmm, shim, config, dirs, log);
    container.register(toolToken, {
      useValue: {
        binary: shim,
        fileName: 'slipway-kata-shim',
        name: 'slipway-kata-shim',
        hint: 'build it with `make -C native/kata-shim`',
        // The shim makes the machine's cgroup itself.
        cgroupDriver: 'cgroupfs',
        machine,
      },
    });
    return { instance: container.resolve(OciRuntime), capabilities: { shim } };
  },
});
