/** The kinds of objects that an instance consists of. */
export const kinds = ['pods', 'secrets', 'services', 'networkpolicies', 'persistentvolumeclaims'] as const
export type Kind = (typeof kinds)[number]

const group = (kind: Kind | 'events' | 'resourcequotas') =>
  kind === 'networkpolicies' ? '/apis/networking.k8s.io/v1' : '/api/v1'

/** Where the objects of a kind are in a namespace, or one of them. Names are clean: they are ours, or checked by the settings. */
export const pathOf = (namespace: string, kind: Kind | 'events' | 'resourcequotas', name?: string): string =>
  `${group(kind)}/namespaces/${namespace}/${kind}${name === undefined ? '' : `/${name}`}`
