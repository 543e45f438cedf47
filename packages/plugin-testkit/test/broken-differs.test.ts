import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  linkSync,
  lstatSync,
  lutimesSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { linux } from '@slipway/linux';
import { hasCode, SlipwayError } from '@slipway/plugin-api';
import { afterApply, broken, brokenParts, brokenSystem, inside, pathsBelow, replaced } from './broken-differ.ts';
import { type DifferFault, differFaults } from './differ-faults.ts';
import { blobOf, digestOf, uncompressed } from './plain-differ.ts';

const faults: readonly DifferFault[] = [
  {
    fault: 'setuid is lost with the change of owner',
    open: afterApply((path) => {
      for (const file of pathsBelow(path)) {
        const { mode, uid } = lstatSync(file);
        if (uid !== 0 && (mode & 0o4000) !== 0) chmodSync(file, mode & 0o1777);
      }
    }),
    among: 'layers: ',
    laws: ['setuid and setgid survive the change of owner'],
  },
  {
    fault: 'links are followed out of the root',
    open: afterApply((path, layer) => {
      for (const { name, type } of layer) {
        const link = layer.find((entry) => entry.type === 'symlink' && entry.name === dirname(name));
        if (type === 'file' && link?.link === '../../host') writeFileSync(join(path, link.link, basename(name)), 'pwned');
      }
    }),
    among: 'layers: ',
    laws: ['a link of the layer over the root leads inside the root'],
  },
  {
    fault: 'a whiteout hides what its own layer adds',
    open: afterApply((path, layer) => {
      for (const marker of layer) {
        const [parent, hidden] = [dirname(marker.name), basename(marker.name).slice('.wh.'.length)];
        if (!basename(marker.name).startsWith('.wh.') || hidden.startsWith('.')) continue;
        const file = inside(path, join(parent, hidden));
        const isOwn = layer.some(({ name }) => join(name, '.').startsWith(join(parent, hidden)));
        if (isOwn && file !== undefined) rmSync(file, { recursive: true, force: true });
      }
    }),
    among: 'layers: a whiteout',
    laws: /never hides|comes anew/,
  },
  {
    fault: 'opaque markers are not heeded',
    open: brokenParts({ uncompressed: (blob) => replaced(blob, '.wh..wh..opq', '.wh..wh..opx') }),
    among: 'layers: ',
    laws: /: an opaque |: a layer over whiteouts/,
  },
  {
    fault: 'the hash ends with the archive',
    open: broken((sound, content) => ({
      apply: async (layer, target, options) => {
        const { mediaType, size, digest } = await sound.apply(layer, target, options);
        const bytes = Buffer.concat(await Array.fromAsync(uncompressed(await blobOf(content, layer.digest))));
        let end = 0;
        while (end + 1024 <= bytes.length && !bytes.subarray(end, end + 1024).equals(Buffer.alloc(1024))) end += 512;
        const isLonger = end + 1024 < bytes.length;
        return { mediaType, size, digest: isLonger ? digestOf(bytes.subarray(0, end + 1024)) : digest };
      },
    })),
    among: 'stream: ',
    laws: ['bytes behind the archive are of the digest'],
  },
  {
    fault: 'only user attributes are kept',
    open: brokenSystem({
      lsetxattr: (path, name, value) => {
        if (String(name).startsWith('trusted.') && !String(name).startsWith('trusted.overlay.')) return;
        linux.lsetxattr(path, name, value);
      },
    }),
    among: 'layers: ',
    laws: ['extended attributes are exact, also of links'],
  },
  {
    fault: 'times are whole seconds',
    open: brokenSystem({ lutimes: (path, atime, mtime) => linux.lutimes(path, atime, mtime - (mtime % 1_000_000_000n)) }),
    among: 'layers: ',
    laws: ['times are exact: fractions, before 1970, after 2106'],
  },
  {
    fault: 'hard links are copies',
    open: afterApply((path) => {
      for (const file of pathsBelow(path)) {
        const stats = lstatSync(file);
        if (!stats.isFile() || stats.nlink < 2) continue;
        copyFileSync(file, `${file}.copy`);
        chmodSync(`${file}.copy`, stats.mode);
        lutimesSync(`${file}.copy`, stats.atime, stats.mtime);
        renameSync(`${file}.copy`, file);
      }
    }),
    among: 'layers: ',
    laws: /: a hard link (to a lower file|within|with a size|to a file deep)/,
  },
  {
    fault: 'a parent that is only passed through gets the time of now',
    open: afterApply((path, layer) => {
      for (const { name } of layer) {
        const parent = inside(path, dirname(name));
        if (name.startsWith('keep/') && parent !== undefined) lutimesSync(parent, new Date(), new Date());
      }
    }),
    among: 'layers: ',
    laws: /parent that the layer does not mention|a layer over whiteouts/,
  },
  {
    fault: 'lower files are linked into the target',
    open: broken((sound) => ({
      apply: async (layer, target, options) => {
        const descriptor = await sound.apply(layer, target, options);
        const below = target.lower.at(-1);
        const x = `${target.path}/x`;
        if (below !== undefined && existsSync(x) && readFileSync(x, 'latin1') === 'deep') {
          rmSync(x);
          linkSync(`${below.path}/dir/sub/deep`, x);
        }
        return descriptor;
      },
    })),
    among: 'layers: ',
    laws: ['a hard link to a file deep below leaves its parents as they were'],
  },
  {
    fault: 'a cut layer is taken for a whole one',
    open: broken((sound) => ({
      apply: (layer, target, options) =>
        sound.apply(layer, target, options).catch((error: unknown) => {
          if (!hasCode(error, 'LAYER_TRUNCATED')) throw error;
          return layer;
        }),
    })),
    among: 'refused: ',
    laws: [
      'a layer cut in its first header',
      'a layer cut in a body',
      'a layer cut in a later header',
      'a layer cut in a PAX header',
    ],
  },
  {
    fault: 'limits are told as bad arguments',
    open: broken((sound) => ({
      apply: (layer, target, options) =>
        sound.apply(layer, target, options).catch((error: unknown) => {
          if (!hasCode(error, 'LAYER_TOO_LARGE')) throw error;
          throw new SlipwayError({ kind: 'invalid-argument', code: 'X', message: 'x' });
        }),
    })),
    among: 'refused: ',
    laws: [
      'a PAX header of a gigabyte',
      'a PAX header over 1 MiB',
      'a GNU long name over 1 MiB',
      'a path of 100,000 directories',
    ],
  },
  {
    fault: 'errors name no entry',
    open: broken((sound) => ({
      apply: (layer, target, options) =>
        sound.apply(layer, target, options).catch((error: unknown) => {
          if (!hasCode(error, 'LAYER_LINK_INVALID')) throw error;
          throw new SlipwayError({ kind: 'invalid-argument', code: 'X', message: 'a bad link' });
        }),
    })),
    among: 'refused: ',
    laws: /a hard link|empty target/,
  },
  {
    fault: 'the first member of gzip is taken for all',
    open: brokenParts({
      uncompressed: (blob) => {
        const next = blob.indexOf(Buffer.from([0x1f, 0x8b, 8]), 3);
        return uncompressed(blob[0] === 0x1f && next > 0 ? blob.subarray(0, next) : blob);
      },
    }),
    among: 'stream: ',
    laws: /several members|digest and size are those/,
  },
  {
    fault: 'the media type is believed',
    open: brokenParts({
      uncompressed: (blob, mediaType) => {
        if (mediaType.endsWith('+gzip') !== (blob[0] === 0x1f)) throw new Error(`not ${mediaType}`);
        return uncompressed(blob);
      },
    }),
    among: 'stream: ',
    laws: /whatever|digest|gzip/,
  },
  {
    fault: 'bytes behind gzip are ignored',
    open: brokenParts({
      uncompressed: async function* (blob) {
        try {
          yield* uncompressed(blob);
        } catch (error) {
          if (!/behind gzip|incorrect header check/.test(String(error))) throw error;
        }
      },
    }),
    among: 'stream: ',
    laws: ['gzip with bytes behind it is data-loss'],
  },
  {
    fault: 'a signal is not heeded',
    open: broken((sound) => ({ apply: (layer, target) => sound.apply(layer, target) })),
    among: 'work: a signal',
    laws: ['a signal that is aborted before is canceled, and nothing is written'],
  },
  {
    fault: 'progress counts down',
    open: broken((sound) => ({
      apply: (layer, target, options) => {
        options?.onProgress?.(layer.size);
        options?.onProgress?.(0);
        return sound.apply(layer, target, options);
      },
    })),
    among: 'work: progress',
    laws: ['progress counts the bytes of the blob, and never goes back'],
  },
  {
    fault: 'a descriptor is forgotten',
    open: broken((sound) => ({
      apply: (layer, target, options) => {
        openSync('/dev/null', 'r');
        return sound.apply(layer, target, options);
      },
    })),
    among: 'dispose leaves',
    laws: ['dispose leaves no descriptor, mount, file, process or thread'],
  },
  {
    fault: 'dispose does nothing',
    open: broken(() => ({ [Symbol.asyncDispose]: async () => undefined })),
    among: 'after dispose',
    laws: ['after dispose every call is refused, and says so'],
  },
  {
    fault: 'every layer needs its lower ones',
    open: broken(() => ({
      stage: async () => {
        throw new SlipwayError({ kind: 'failed-precondition', code: 'LAYER_NEEDS_LOWER', message: 'in order, please' });
      },
    })),
    among: 'staged: a whiteout of a f',
    laws: ['a whiteout of a file', 'a whiteout of a file below'],
  },
  {
    fault: 'rebase does nothing',
    open: broken((sound) => ({
      stage: async (...args) => ({ ...(await sound.stage(...args)), rebase: async () => undefined }),
    })),
    among: 'staged: a whiteout of a ',
    laws: /./,
  },
  {
    fault: 'what was deleted is not in the comparison',
    open: broken((sound) => ({ compare: (_, upper, options) => sound.compare([], upper, options) })),
    among: 'compared: a deleted',
    laws: /./,
  },
  {
    fault: 'a comparison is never twice the same',
    open: broken((sound, content) => ({
      compare: async (lower, upper, options) => {
        const { descriptor } = await sound.compare(lower, upper, { ...options, compression: 'none' });
        const bytes = Buffer.concat([await blobOf(content, descriptor.digest), randomBytes(8)]);
        await using writer = await content.writer({ ref: digestOf(bytes) });
        await writer.write(bytes);
        const { digest, size } = await writer.commit();
        return { descriptor: { ...descriptor, digest, size }, diffId: digest };
      },
    })),
    among: 'compare: ',
    laws: /same trees|equal trees|blob is in|again what/,
  },
  {
    fault: 'what has the same size and time is taken for the same',
    open: broken((sound, content) => ({
      compare: async (lower, upper, options) => {
        const layer = await sound.compare(lower, upper, { ...options, compression: 'none' });
        const isOnlyLow = (await blobOf(content, layer.descriptor.digest)).includes('LOW');
        return isOnlyLow ? await sound.compare(lower, lower, options) : await sound.compare(lower, upper, options);
      },
    })),
    among: 'compared: content',
    laws: ['content of the same size and time'],
  },
  {
    fault: 'a comparison leaves its ingest open',
    open: broken((sound, content) => ({
      compare: async (...args) => {
        const writer = await content.writer({ ref: `left ${Math.random()}` });
        await writer.write(Buffer.from('x'));
        await writer.close();
        return await sound.compare(...args);
      },
    })),
    among: 'compare: ',
    laws: /blob is in|again what|reads as a whiteout|aborted/,
  },
];

differFaults(faults, ['overlay', 'directory']);
