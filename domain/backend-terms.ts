/**
 * What a template asks of a backend in the backend's own terms, by kind of provider. What stands here for another kind than the
 * session's provider is not looked at. Sizes and limits stand in the template itself: here is only what names things there.
 */
export interface BackendTerms {
  readonly kubernetes?: KubernetesTerms
  readonly openstack?: OpenstackTerms
  readonly slurm?: SlurmTerms
  readonly link?: LinkTerms
  readonly handover?: HandoverTerms
}

export interface KubernetesTerms {
  readonly nodeSelector?: Readonly<Record<string, string>>
  readonly tolerations?: readonly Toleration[]
  /** What a GPU is called there: `nvidia.com/gpu`. */
  readonly gpuResource?: string
  /** A volume of the size's disk that is the session's own: there from its start to its end, also while it is paused. */
  readonly workspace?: { readonly target: string; readonly storageClass?: string }
}

export interface Toleration {
  /** Without one every taint of this effect. */
  readonly key?: string
  readonly operator: 'Equal' | 'Exists'
  readonly value?: string
  readonly effect?: 'NoSchedule' | 'PreferNoSchedule' | 'NoExecute'
}

export interface OpenstackTerms {
  /** The flavour of each size of the template, by name. */
  readonly flavors: Readonly<Record<string, string>>
  /** `volume`: the image is copied to a volume of the size's disk, which goes with the session. */
  readonly boot?: 'image' | 'volume'
  /** Names of what is there already. */
  readonly keyName?: string
  readonly availabilityZone?: string
  /** What cloud-init runs first: a script or `#cloud-config`; `{report}` stands for the command that reports the instance. */
  readonly userData?: string
}

export interface SlurmTerms {
  readonly partition?: string
  readonly account?: string
  readonly qos?: string
  /** What a GPU is called there, as in `gpu` or `gpu:a100`. */
  readonly gres?: string
}

/** The site's own words for its provisioner, who is told them as they stand. */
export type HandoverTerms = Readonly<Record<string, string>>

export interface LinkTerms {
  /** `{session}`, `{account}`, `{project}` and `{parameter.NAME}` are replaced, percent-encoded. */
  readonly url: string
}
