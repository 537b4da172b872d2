import type { TemplateSpec } from '../../domain/template.ts'

/** A template with nothing special about it. */
export const plainTemplate: TemplateSpec = {
  title: 'Plain',
  description: 'Nothing special.',
  provider: { kind: 'fake' },
  image: 'plain:1',
  command: null,
  environment: {},
  user: null,
  capabilities: [],
  sizes: { small: { cpuMilli: 100, memoryMib: 64, diskMib: 0, gpus: 0 } },
  defaultSize: 'small',
  parameters: {},
  doors: { web: { protocol: 'http', port: 8888, modes: ['control'] } },
  readiness: { kind: 'tcp', port: 8888 },
  mounts: [],
  egress: 'none',
  startLimitSeconds: 60,
  queueLimitSeconds: 3_600,
  lifetimeSeconds: 3_600,
  idleTimeoutSeconds: null,
  visibleTo: [{ kind: 'everyone' }],
}
