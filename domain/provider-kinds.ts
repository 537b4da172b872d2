/** Every kind of provider that has a driver. */
export const providerKinds = [
  'docker',
  'process',
  'fake',
  'kubernetes',
  'openstack',
  'slurm',
  'link',
  'handover',
] as const
export type ProviderKind = (typeof providerKinds)[number]

/** Whether Carrel leads people to its sessions, and so must be told in which networks: a fake's are in its memory, a link's elsewhere. */
export const needsNetworks = (kind: string): boolean => kind !== 'fake' && kind !== 'link'

/** The name of a class of providers. */
export const classPattern = /^[a-z][a-z0-9-]{0,31}$/
