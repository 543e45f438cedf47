import type { IncomingMessage, ServerResponse } from 'node:http';
import { digestOf, mediaTypes } from '@slipway/oci';
import type { Descriptor } from '@slipway/plugin-api';

export const config: Descriptor = { mediaType: mediaTypes.ociConfig, digest: digestOf('config'), size: 6 };
export const manifestBytes = Buffer.from(
  JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers: [] }),
);
export const manifest: Descriptor = {
  mediaType: mediaTypes.ociManifest,
  digest: digestOf(manifestBytes),
  size: manifestBytes.length,
};
export const blobBytes = Buffer.from('0123456789'.repeat(1000));
export const blob: Descriptor = { mediaType: mediaTypes.ociLayer, digest: digestOf(blobBytes), size: blobBytes.length };

export function sendManifest(
  response: ServerResponse,
  headers: Record<string, string> = {},
  bytes: Uint8Array = manifestBytes,
): void {
  response
    .writeHead(200, { 'content-type': mediaTypes.ociManifest, 'content-length': String(bytes.byteLength), ...headers })
    .end(bytes);
}

export const good = { 'docker-content-digest': manifest.digest };
export const isBlob = (request: IncomingMessage): boolean => request.url?.includes('/blobs/') === true;
