import type { Db } from '../../db/connect.ts'
import type { Capabilities } from '../../domain/capabilities.ts'

const capabilities: Capabilities = {
  pause: true,
  gpu: false,
  diskLimit: false,
  isolation: 'none',
  egress: ['none', 'internet', 'site'],
  mounts: true,
  logs: true,
}

/** Has every provider say that it can pause, as a worker that serves one writes it. */
export async function allPausable(db: Db, over: Partial<Capabilities> = {}): Promise<void> {
  await db
    .updateTable('provider_health')
    .set({ capabilities: JSON.stringify({ ...capabilities, ...over }) })
    .execute()
}
