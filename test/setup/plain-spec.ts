import type { InstanceSpec } from '../../ports/compute/provider.ts'
import { plainTerms } from './plain-terms.ts'

/** What a spec says that asks for nothing of its own but a port to knock at; whose it is and what runs comes beside it. */
export const plainSpec: Omit<
  InstanceSpec,
  'name' | 'deploymentId' | 'sessionId' | 'generation' | 'image' | 'secret' | 'resources'
> = {
  ...plainTerms,
  command: null,
  environment: {},
  user: null,
  capabilities: [],
  ports: [8080],
  readiness: { kind: 'tcp', port: 8080 },
  mounts: [],
  egress: 'none',
}
