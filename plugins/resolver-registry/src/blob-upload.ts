import type { Hash } from 'node:crypto';
import { quote } from '@slipway/oci';
import { type Descriptor, type Fetcher, isSlipwayError, SlipwayError, step, throwIfAborted } from '@slipway/plugin-api';
import { discard } from './bounded-body.js';
import { existsAt } from './manifest-put.js';
import { checkStatedDigest, pushFailure } from './push-errors.js';
import { maxAttempts, pauseBeforeRetry } from './retry.js';
import { hashFor, requireDigest, sourceBytes, verifiedBytes } from './source-bytes.js';
import type { HttpResponse, RequestBody } from './transport.js';
import {
  beginUpload,
  completing,
  nextSession,
  type PushPlace,
  receivedBytes,
  scopesOf,
  type UploadSession,
  uploadProgress,
  uploadWhat,
} from './upload-session.js';

/** Up to here a blob is sent in one request; a larger one in chunks, of which a broken connection costs one at most. */
const chunkBytes = 32 * 1024 * 1024;

/** The registry takes no chunks, or none of this size. */
const chunkRefusals: ReadonlySet<number> = new Set([400, 404, 405, 411, 413, 501]);
/** The registry has forgotten the upload, or is at another place in it than we are: it is begun again. */
const lostUploads: readonly string[] = ['BLOB_UPLOAD_UNKNOWN', 'BLOB_UPLOAD_INVALID', 'RANGE_INVALID'];
/** What is wrong will be wrong in a moment, too. */
const lastingFaults: readonly string[] = ['REGISTRY_CONNECTION_REFUSED', 'REGISTRY_UNREACHABLE'];

/** Chunks of one blob that are taken in part without an error: who takes one byte of each is sent without an end. */
const maxShortened = 16;

export interface BlobUploadOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((bytes: number) => void) | undefined;
  /** Called with each upload that is not gone on with. */
  readonly onGivenUp: (upload: UploadSession) => void;
}

/** One blob on its way into a repository, for as many attempts as it takes. */
export class BlobUpload {
  private upload: UploadSession | undefined;
  /** Bytes that the registry says it has, and those that it can have at most. */
  private received = 0;
  private sent = 0;
  /** Of the first `hashed` bytes, as they were read. Never beyond `received`. */
  private hash: Hash;
  private hashed = 0;
  private inChunks: boolean;
  private refusesChunks = false;
  private askedToWait: string | undefined;
  /** The request that completes the blob was sent: it may be there although no answer said so. */
  private mayBeThere = false;
  private shortened = 0;

  constructor(
    private readonly place: PushPlace,
    private readonly descriptor: Descriptor,
    private readonly source: Fetcher,
    private readonly options: BlobUploadOptions,
  ) {
    this.hash = hashFor(descriptor);
    this.inChunks = descriptor.size > chunkBytes;
  }

  /** `begun`: an upload that the registry has begun already. Errors: `failed-precondition`, `permission-denied`, `unavailable`. */
  async run(begun?: UploadSession): Promise<void> {
    this.upload = begun;
    try {
      await this.untilDone();
    } catch (error) {
      this.giveUp();
      throw error;
    }
    step('push.uploaded', { digest: this.descriptor.digest });
  }

  private async untilDone(): Promise<void> {
    const { signal } = this.options;
    let furthest = 0;
    for (let tried = 1; ; tried += 1) {
      try {
        this.askedToWait = undefined;
        this.upload ??= await beginUpload(this.place, this.descriptor, signal);
        return await (this.inChunks ? this.sendInChunks() : this.sendWhole());
      } catch (error) {
        throwIfAborted(uploadWhat(this.place, this.descriptor), signal);
        if (this.inChunks && this.refusesChunks) {
          this.inChunks = false;
          this.giveUp();
          continue;
        }
        if (this.received > furthest) tried = 1;
        furthest = Math.max(furthest, this.received);
        if (tried >= maxAttempts || !mayPass(error)) throw error;
      }
      await pauseBeforeRetry(tried, this.askedToWait, signal);
      await this.resume();
      if (this.upload === undefined && this.mayBeThere && (await this.isThere())) return;
    }
  }

  private async sendWhole(): Promise<void> {
    const { descriptor, source, options } = this;
    // A request without a body reads none.
    if (descriptor.size === 0) for await (const _ of verifiedBytes(source, descriptor, options.signal));
    await this.complete({
      length: descriptor.size,
      read: () => this.reported(verifiedBytes(source, descriptor, options.signal)),
    });
  }

  private async sendInChunks(): Promise<void> {
    const { size } = this.descriptor;
    while (this.received < size) await this.sendChunk();
    // The registry may have all of it while the answer that said so was lost.
    for await (const piece of sourceBytes(this.source, this.descriptor, this.hashed, this.options.signal)) {
      this.hash.update(piece);
      this.hashed += piece.byteLength;
    }
    requireDigest(this.hash.copy(), this.descriptor);
    await this.complete();
  }

  private async sendChunk(): Promise<void> {
    const upload = this.upload as UploadSession;
    const from = this.received;
    const end = Math.min(this.descriptor.size, from + Math.max(chunkBytes, upload.minChunk));
    let read: Hash | undefined;
    const body = { length: end - from, read: () => this.chunk(from, end, (hash) => (read = hash)) };
    const response = await this.request('PATCH', upload, upload.location, body, { 'content-range': `${from}-${end - 1}` });
    if (response.status !== 202 && response.status !== 204) {
      const error = await this.failure(response);
      this.refusesChunks = chunkRefusals.has(response.status) && !isLost(error);
      throw error;
    }
    await discard(response);
    this.upload = nextSession(this.place, upload, response);
    const received = receivedBytes(response) ?? end;
    if (received <= from || received > end) throw this.unexpected(response, from, end);
    this.received = received;
    if (received < end) {
      this.shortened += 1;
      if (this.shortened > maxShortened) throw this.neverWhole();
    }
    if (received < end || read === undefined) return;
    this.hash = read;
    this.hashed = end;
  }

  /** Those before `from` are read again where they are not hashed yet, and not sent. */
  private async *chunk(from: number, end: number, onRead: (hash: Hash) => void): AsyncGenerator<Uint8Array> {
    const { descriptor, source, options } = this;
    const hash = this.hash.copy();
    let at = this.hashed;
    for await (const piece of sourceBytes(source, descriptor, at, options.signal)) {
      const wanted = piece.subarray(0, end - at);
      const known = Math.max(0, from - at);
      hash.update(wanted);
      at += wanted.byteLength;
      if (known < wanted.byteLength) {
        this.sent = Math.max(this.sent, at);
        yield wanted.subarray(known);
        options.onProgress?.(at);
      }
      // The last one is read to the end of the source, which may have more than it should.
      if (at === end && end < descriptor.size) break;
    }
    onRead(hash);
  }

  private async complete(body?: RequestBody): Promise<void> {
    const { digest } = this.descriptor;
    const upload = this.upload as UploadSession;
    this.mayBeThere = true;
    const response = await this.request('PUT', upload, completing(upload, digest), body, {});
    if (response.status !== 201 && response.status !== 204) throw await this.failure(response);
    await discard(response);
    checkStatedDigest(response, this.descriptor);
  }

  private request(
    method: 'PATCH' | 'PUT',
    { anonymous }: UploadSession,
    path: URL,
    body: RequestBody | undefined,
    more: Readonly<Record<string, string>>,
  ): Promise<HttpResponse> {
    const { session, repository } = this.place;
    const headers = { 'content-type': 'application/octet-stream', ...more };
    return session.attempt({
      method,
      repository,
      path,
      anonymous,
      headers,
      body,
      scopes: scopesOf(this.place),
      signal: this.options.signal,
    });
  }

  private failure(response: HttpResponse): Promise<SlipwayError> {
    const { session, repository } = this.place;
    this.askedToWait = response.headers['retry-after'];
    return pushFailure(session, repository, uploadWhat(this.place, this.descriptor), response, this.options.signal);
  }

  private unexpected(response: HttpResponse, from: number, end: number): SlipwayError {
    return new SlipwayError({
      kind: 'unavailable',
      code: 'REGISTRY_ANSWER_UNEXPECTED',
      message: `${uploadWhat(this.place, this.descriptor)}: after bytes ${from} to ${end - 1} the registry says that it has ${quote(String(response.headers['range']))}`,
    });
  }

  private neverWhole(): SlipwayError {
    return new SlipwayError({
      kind: 'failed-precondition',
      code: 'REGISTRY_ANSWER_UNEXPECTED',
      message: `${uploadWhat(this.place, this.descriptor)}: the registry has taken ${maxShortened} chunks in part, and said nothing of an error`,
      hint: 'the registry does not keep what it is sent: tell whoever runs it',
    });
  }

  private async isThere(): Promise<boolean> {
    const { place, descriptor, options } = this;
    try {
      return await existsAt(place, `blobs/${descriptor.digest}`, descriptor, {}, options.signal);
    } catch {
      // What is wrong is found again when it is sent.
      return false;
    }
  }

  /** After a failure: where the registry says that it is, or from the beginning. */
  private async resume(): Promise<void> {
    const { upload } = this;
    if (upload === undefined) return;
    const found = this.inChunks
      ? await uploadProgress(this.place, upload, this.options.signal).catch(() => undefined)
      : undefined;
    if (found === undefined || found.received < this.hashed || found.received > this.sent) return this.giveUp();
    this.upload = found.upload;
    this.received = found.received;
  }

  private giveUp(): void {
    if (this.upload !== undefined) this.options.onGivenUp(this.upload);
    this.upload = undefined;
    this.received = 0;
    this.sent = 0;
    this.hash = hashFor(this.descriptor);
    this.hashed = 0;
  }

  private async *reported(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    let bytes = 0;
    for await (const piece of pieces) {
      yield piece;
      bytes += piece.byteLength;
      this.options.onProgress?.(bytes);
    }
  }
}

/** Of the connection, of the registry or of the source; or the upload is lost and another one may do. */
function mayPass(error: unknown): boolean {
  if (!isSlipwayError(error)) return false;
  return (error.kind === 'unavailable' && !lastingFaults.includes(error.code)) || isLost(error);
}

function isLost({ details }: SlipwayError): boolean {
  if (details['status'] === 416) return true;
  return ((details['registryCodes'] ?? []) as readonly string[]).some((code) => lostUploads.includes(code));
}
