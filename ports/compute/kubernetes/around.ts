import type { V1PersistentVolumeClaim, V1Service } from '@kubernetes/client-node'
import { marks } from '../marks.ts'
import type { InstanceSpec } from '../provider.ts'
import { labelsOf, objectName } from './names.ts'
import { ownedBy } from './owner.ts'
import type { Owner } from './shapes.ts'

/** Selects the Pod of one instance. */
export const podSelector = (spec: InstanceSpec): Record<string, string> => ({
  [marks.deployment]: spec.deploymentId,
  [marks.name]: spec.name,
})

/** `null`: it has no port that is known before it runs. */
export function serviceManifest(spec: InstanceSpec, namespace: string, owner: Owner): V1Service | null {
  if (spec.ports.length === 0) return null
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: objectName(spec), namespace, labels: labelsOf(spec), ownerReferences: ownedBy(owner) },
    spec: {
      type: 'ClusterIP',
      selector: podSelector(spec),
      // Carrel knocks for itself, and says what it waits for.
      publishNotReadyAddresses: true,
      ports: spec.ports.map((port) => ({ name: `p${port}`, port, targetPort: port, protocol: 'TCP' })),
    },
  }
}

/** The volume of the session's own; `null`: its template asks for none. */
export function claimManifest(spec: InstanceSpec, namespace: string, owner: Owner): V1PersistentVolumeClaim | null {
  const workspace = spec.terms.kubernetes?.workspace
  if (workspace === undefined) return null
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: objectName(spec), namespace, labels: labelsOf(spec), ownerReferences: ownedBy(owner) },
    spec: {
      accessModes: ['ReadWriteOnce'],
      ...(workspace.storageClass === undefined ? {} : { storageClassName: workspace.storageClass }),
      resources: { requests: { storage: `${spec.resources.diskMib}Mi` } },
    },
  }
}
