import { promisify } from 'node:util';
import { gunzip, zstdDecompress } from 'node:zlib';
import { SlipwayError } from '@slipway/plugin-api';
import { elfSegments, isElf, segmentTypes, textAt } from '../elf.js';
import { decompressLz4, lz4LegacyMagic } from './lz4.js';

/** Of a kernel that is taken apart. Debian's has 54 MB. */
const maxVmlinuxBytes = 512 << 20;

export interface BootKernel {
  /** `vmlinux` is started by QEMU at the address of its PVH note; `bzImage` unpacks itself in the guest, which takes longer. */
  readonly form: 'vmlinux' | 'bzImage';
  readonly content: Buffer;
}

/**
 * The kernel in the form that boots fastest: a vmlinux as it is, or the one inside of a bzImage; the bzImage itself when that is compressed in a way that is not
 * known here or has no entry point for PVH.
 *
 * Errors: `failed-precondition` with `KERNEL_UNREADABLE` when it is neither, is damaged, or is a vmlinux without that entry point.
 */
export async function extractVmlinux(file: Buffer, source: string): Promise<BootKernel> {
  if (isElf(file)) {
    if (hasPvhNote(file)) return { form: 'vmlinux', content: file };
    throw unreadable(source, 'this vmlinux has no entry point for PVH (CONFIG_PVH)');
  }
  if (!isBzImage(file)) throw unreadable(source, 'it is neither a bzImage nor an ELF file');
  const payload = payloadOf(file);
  if (payload === undefined) throw unreadable(source, 'its header names a payload beyond its end: it is cut off');
  const vmlinux = await decompress(payload, source);
  return vmlinux !== undefined && hasPvhNote(vmlinux)
    ? { form: 'vmlinux', content: vmlinux }
    : { form: 'bzImage', content: file };
}

/** What `uname -r` will say, out of the beginning of a bzImage; undefined when that does not tell. */
export function bzImageRelease(head: Buffer): string | undefined {
  if (!isBzImage(head)) return undefined;
  const version = head.readUInt16LE(0x20e);
  return version === 0 ? undefined : textAt(head, 0x200 + version).split(' ', 1)[0];
}

/** By the header of x86's boot protocol (Documentation/arch/x86/boot.rst), from version 2.08 on, which names the payload. */
function isBzImage(file: Buffer): boolean {
  return (
    file.length >= 0x250 &&
    file.readUInt16LE(0x1fe) === 0xaa55 &&
    file.toString('latin1', 0x202, 0x206) === 'HdrS' &&
    file.readUInt16LE(0x206) >= 0x208
  );
}

/** The compressed vmlinux with the four bytes of its length that end it. */
function payloadOf(file: Buffer): Buffer | undefined {
  const setupSectors = file[0x1f1] === 0 ? 4 : (file[0x1f1] ?? 0);
  const start = (setupSectors + 1) * 512 + file.readUInt32LE(0x248);
  const length = file.readUInt32LE(0x24c);
  return length < 8 || start + length > file.length ? undefined : file.subarray(start, start + length);
}

/** Undefined when it is compressed in another way. */
async function decompress(payload: Buffer, source: string): Promise<Buffer | undefined> {
  const limit = { maxOutputLength: maxVmlinuxBytes };
  const compressed = payload.subarray(0, -4);
  const length = payload.readUInt32LE(payload.length - 4);
  let content: Buffer;
  try {
    if (payload.readUInt32LE(0) === lz4LegacyMagic) content = await decompressLz4(compressed, maxVmlinuxBytes);
    else if (payload.readUInt32LE(0) === 0xfd2fb528) content = await promisify(zstdDecompress)(compressed, limit);
    // The length at the end is gzip's own.
    else if (payload.readUInt16BE(0) === 0x1f8b) content = await promisify(gunzip)(payload, limit);
    else return undefined;
  } catch (error) {
    throw unreadable(source, `its payload is damaged: ${error instanceof Error ? error.message : String(error)}`, error);
  }
  if (content.length === length) return content;
  throw unreadable(source, `its payload is damaged: ${content.length} bytes came out of it, expected ${length}`);
}

/** True when the ELF file has the note with its entry point for PVH: owner `Xen`, type 18. */
function hasPvhNote(vmlinux: Buffer): boolean {
  for (const { type, offset, size } of elfSegments(vmlinux) ?? []) {
    if (type !== segmentTypes.note || offset + size > vmlinux.length) continue;
    const notes = vmlinux.subarray(offset, offset + size);
    for (let at = 0; at + 16 <= notes.length; ) {
      if (notes.readUInt32LE(at + 8) === 18 && notes.toString('latin1', at + 12, at + 16) === 'Xen\0') return true;
      at += 12 + aligned(notes.readUInt32LE(at)) + aligned(notes.readUInt32LE(at + 4));
    }
  }
  return false;
}

function aligned(size: number): number {
  return Math.ceil(size / 4) * 4;
}

function unreadable(source: string, reason: string, cause?: unknown): SlipwayError {
  return new SlipwayError({
    kind: 'failed-precondition',
    code: 'KERNEL_UNREADABLE',
    message: `kernel for virtual machines "${source}": ${reason}`,
    hint: 'apt-get install --reinstall linux-image-cloud-amd64, or set `kernel` of the runtime to another',
    cause,
  });
}
