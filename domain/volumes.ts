/** What a provider mounts where directories of one machine mean nothing: named as the backend knows it, never by a caller. */
export type Volume =
  /** A claim (PersistentVolumeClaim) beside the sessions; `subPath`: a directory in it, else all of it. */
  | { readonly kind: 'claim'; readonly claim: string; readonly subPath?: string | undefined }
  | { readonly kind: 'nfs'; readonly server: string; readonly path: string }
  /** A volume that a CSI driver makes for whoever mounts it, from these attributes. They hold no secret. */
  | {
      readonly kind: 'csi'
      readonly driver: string
      readonly attributes?: Readonly<Record<string, string>> | undefined
      readonly fsType?: string | undefined
    }

/** What a storage source is at its provider: a directory by its path there, or a volume. */
export type MountSource = { readonly hostPath: string } | { readonly volume: Volume }
