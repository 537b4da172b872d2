import type { ProviderRow } from '../db/providers.ts'
import { readSealedSettings } from '../db/providers.ts'
import { recordCapabilities, recordOpenFault } from '../db/provider-standing.ts'
import type { ProviderId } from '../domain/ids.ts'
import type { ComputeProvider } from '../ports/compute/provider.ts'
import type { WorkerDeps } from './deps.ts'
import { openFaultOf } from './opening.ts'

/** A driver learns with its first calls what its backend can do. */
const everyMs = 10_000

/** Makes the driver of a provider. Why it cannot be made is kept, where that lies in the provider: its check tells operators. */
export async function openDriver(
  { db, openProvider }: Pick<WorkerDeps, 'db' | 'openProvider'>,
  row: ProviderRow,
): Promise<ComputeProvider> {
  const sealed = await readSealedSettings(db, row)
  try {
    return openProvider(row, sealed)
  } catch (error) {
    const fault = openFaultOf(error)
    if (fault !== null) await recordOpenFault(db, row.id, fault)
    throw error
  }
}

/** Keeps in the provider's row what its driver says of itself, for as long as it is open: by that sessions are placed. */
export function keepCapabilities(
  { db, log }: Pick<WorkerDeps, 'db' | 'log'>,
  providerId: ProviderId,
  provider: Pick<ComputeProvider, 'capabilities'>,
): { stop(): Promise<void> } {
  let told = ''
  let telling: Promise<void> = Promise.resolve()
  const tell = async () => {
    const capabilities = provider.capabilities
    const text = JSON.stringify(capabilities)
    if (text === told) return
    await recordCapabilities(db, providerId, capabilities)
    told = text
  }
  const next = () => {
    telling = telling.then(tell).catch((error: unknown) => {
      log.warn({ provider: providerId, error }, 'what a provider can do could not be written down; trying again')
    })
  }
  next()
  const timer = setInterval(next, everyMs)
  return {
    async stop() {
      clearInterval(timer)
      await telling
    },
  }
}
