export { type BuiltImage, buildGuestImage, type ImageParts } from './image/build.js';
export { type GuestImageOptions, guestImage } from './image/guest-image.js';
export type { GuestImage } from './image/store.js';
export { findKernel, type Kernel, type KernelOptions, kernelRoots } from './kernel/find-kernel.js';
export { type BootKernel, extractVmlinux } from './kernel/vmlinux.js';
export { findAgent, findCrun } from './programs.js';
