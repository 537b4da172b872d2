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

/** The name of a class of providers. */
export const classPattern = /^[a-z][a-z0-9-]{0,31}$/
