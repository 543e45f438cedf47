import { createHash } from 'node:crypto';
import { readSync } from 'node:fs';

const pieceBytes = 1024 * 1024;

/** Hashes a file from its beginning to its end, whatever its length is said to be. */
export function hashDescriptor(
  fd: number,
  algorithm: string,
  onPiece: (bytes: number) => void,
): { readonly hash: string; readonly bytes: number } {
  const hash = createHash(algorithm);
  const piece = Buffer.allocUnsafeSlow(pieceBytes);
  let bytes = 0;
  for (let read = readSync(fd, piece, 0, pieceBytes, 0); read > 0; read = readSync(fd, piece, 0, pieceBytes, bytes)) {
    hash.update(piece.subarray(0, read));
    bytes += read;
    onPiece(bytes);
  }
  return { hash: hash.digest('hex'), bytes };
}
