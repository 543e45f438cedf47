export { type BootOptions, bootMachine } from './boot.ts';
export { makeDisk } from './disk.ts';
export { copyInstallation } from './installation.ts';
export { type CloudKernel, cloudKernel } from './kernel.ts';
export { type MachineParts, machineParts } from './parts.ts';
