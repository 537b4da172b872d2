import type { SessionId } from '../../../domain/ids.ts'
import { kubernetesSettings } from '../../../ports/compute/kubernetes/settings.ts'
import type { KubernetesSettings } from '../../../ports/compute/kubernetes/settings.ts'
import type { Owner } from '../../../ports/compute/kubernetes/shapes.ts'
import type { InstanceSpec } from '../../../ports/compute/provider.ts'
import { plainSpec } from '../../setup/plain-spec.ts'

export const deploymentId = '7b0c4c1e-6f5e-4d50-9a57-0d4f0c6c1a11'

export const settingsWith = (more: Readonly<Record<string, unknown>> = {}): KubernetesSettings =>
  kubernetesSettings.parse({ inCluster: true, reachableFrom: [{ namespace: 'carrel-system' }], ...more })

export const specWith = (more: Partial<InstanceSpec> = {}): InstanceSpec => ({
  name: 'carrel-s1-1',
  deploymentId,
  // What a test calls a session.
  sessionId: 's1' as SessionId,
  generation: 1,
  ...plainSpec,
  image: 'registry.example.org/desk:1',
  secret: 'canary-secret',
  resources: { sessions: 1, cpuMilli: 500, memoryMib: 256, diskMib: 1024, gpus: 0 },
  user: { uid: 1000, gid: 1000, gids: [2000] },
  ...more,
})

export const owner: Owner = {
  metadata: { name: 'carrel-s1-1-abcdef', namespace: 'carrel-sessions', uid: 'u-1', labels: {}, annotations: {} },
  data: {},
}
