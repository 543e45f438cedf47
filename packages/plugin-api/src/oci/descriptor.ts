/** `algorithm:encoded` as in the OCI image-spec, descriptor.md: `sha256:<64 lower-case hex>` or `sha512:<128>`. */
export type Digest = string;

/** Points at content by its digest (OCI image-spec, descriptor.md). */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  /** Bytes; a whole number from 0 to 2^53 - 1. */
  readonly size: number;
  readonly urls?: readonly string[];
  readonly annotations?: Readonly<Record<string, string>>;
  readonly platform?: Platform;
  readonly artifactType?: string;
  /** The content itself, base64, when inlined. */
  readonly data?: string;
}

/** OCI image-spec, image-index.md. Go's names: GOOS, GOARCH. */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
  readonly 'os.version'?: string;
  readonly 'os.features'?: readonly string[];
}
