import type { TemplateSpec } from '../domain/template.ts'

type Own = 'title' | 'description' | 'provider' | 'image' | 'doors' | 'readiness'

/** What the templates that come with the stack have in common: everybody's, as the image has it, for a working day. */
export const builtIn: Omit<TemplateSpec, Own> = {
  command: null,
  environment: {},
  user: null,
  capabilities: [],
  sizes: {
    small: { cpuMilli: 1_000, memoryMib: 1_024, diskMib: 2_048, gpus: 0 },
    large: { cpuMilli: 2_000, memoryMib: 4_096, diskMib: 8_192, gpus: 0 },
  },
  defaultSize: 'small',
  parameters: {},
  mounts: [],
  egress: 'internet',
  startLimitSeconds: 120,
  queueLimitSeconds: 3_600,
  lifetimeSeconds: 8 * 3_600,
  idleTimeoutSeconds: null,
  visibleTo: [{ kind: 'everyone' }],
}
