import { request as plainRequest } from 'node:http';
import { request as tlsRequest } from 'node:https';
import { digestOf, mediaTypes } from '@slipway/oci';
import type { Descriptor } from '@slipway/plugin-api';

export interface PushTarget {
  /** `http://127.0.0.1:5000`. */
  readonly origin: string;
  readonly authorization?: string;
}

export interface PushedImage {
  readonly manifest: Descriptor;
  readonly manifestBytes: Buffer;
  readonly index: Descriptor;
  readonly layer: Descriptor;
  readonly layerBytes: Buffer;
}

/** Pushes a one-layer image as `:latest` and an index over it as `:multi`, by distribution-spec's own requests. */
export async function pushImage(target: PushTarget, repository: string, layerSize = 300_000): Promise<PushedImage> {
  const layerBytes = Buffer.alloc(layerSize, 'slipway layer ');
  const configBytes = Buffer.from(
    JSON.stringify({ os: 'linux', architecture: 'amd64', rootfs: { type: 'layers', diff_ids: [digestOf(layerBytes)] } }),
  );
  const layer = await pushBlob(target, repository, layerBytes, mediaTypes.ociLayer);
  const config = await pushBlob(target, repository, configBytes, mediaTypes.ociConfig);
  const manifestBytes = Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers: [layer] }),
  );
  const manifest = await pushManifest(target, repository, 'latest', manifestBytes, mediaTypes.ociManifest);
  const indexBytes = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.ociIndex,
      manifests: [{ ...manifest, platform: { os: 'linux', architecture: 'amd64' } }],
    }),
  );
  const index = await pushManifest(target, repository, 'multi', indexBytes, mediaTypes.ociIndex);
  return { manifest, manifestBytes, index, layer, layerBytes };
}

export async function pushBlob(target: PushTarget, repository: string, bytes: Buffer, mediaType: string): Promise<Descriptor> {
  const digest = digestOf(bytes);
  const started = await call(target, 'POST', `/v2/${repository}/blobs/uploads/`, undefined, {});
  const location = new URL(started.location ?? '', target.origin);
  location.searchParams.set('digest', digest);
  await call(target, 'PUT', location.pathname + location.search, bytes, { 'content-type': 'application/octet-stream' });
  return { mediaType, digest, size: bytes.length };
}

export async function pushManifest(
  target: PushTarget,
  repository: string,
  tag: string,
  bytes: Buffer,
  mediaType: string,
): Promise<Descriptor> {
  await call(target, 'PUT', `/v2/${repository}/manifests/${tag}`, bytes, { 'content-type': mediaType });
  return { mediaType, digest: digestOf(bytes), size: bytes.length };
}

function call(
  target: PushTarget,
  method: string,
  path: string,
  body: Buffer | undefined,
  headers: Record<string, string>,
): Promise<{ location: string | undefined }> {
  const url = new URL(path, target.origin);
  const all = {
    ...headers,
    'content-length': String(body?.length ?? 0),
    ...(target.authorization === undefined ? {} : { authorization: target.authorization }),
  };
  return new Promise((resolve, reject) => {
    // The pusher is no part of what is tested: it does not look at certificates.
    const send = url.protocol === 'https:' ? tlsRequest : plainRequest;
    const request = send(
      url,
      { method, headers: all, ...(url.protocol === 'https:' ? { rejectUnauthorized: false } : {}) },
      (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => {
          text += chunk.toString();
        });
        response.on('end', () => {
          const status = response.statusCode ?? 0;
          if (status >= 300) reject(new Error(`${method} ${url.pathname}: ${status} ${text}`));
          else resolve({ location: response.headers.location });
        });
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}
