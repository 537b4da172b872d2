import { setTimeout as delay } from 'node:timers/promises'
import { WorkflowNotFoundError } from '@temporalio/client'
import { heldBy } from '../../db/admission.ts'
import { connect } from '../../db/connect.ts'
import { instanceName, sessionWorkflowId, type SessionId } from '../../domain/ids.ts'
import { createTemporalClient } from '../../platform/temporal/connection.ts'
import { dockerSettings } from '../../ports/compute/docker/settings.ts'
import { markVariable } from '../../ports/compute/process/members.ts'
import { createPlaces, keyOf } from '../../ports/compute/process/places.ts'
import { seeProcesses } from '../../ports/compute/process/processes.ts'
import { processSettings } from '../../ports/compute/process/settings.ts'
import { countAtDocker } from '../docker.ts'
import type { Embedded } from '../embedded.ts'
import type { Progress } from '../progress.ts'

/** How many there are of each thing, asked from whoever keeps it. Null: nothing here could keep one. */
type Counts = Readonly<Record<string, number | null>>

const patienceMs = 20_000

/** Counts what sessions left, a line for each kind of thing. True: nothing. What ends a moment later is waited for. */
export async function nothingIsLeft(
  stack: Embedded,
  sessionIds: readonly string[],
  progress: Progress,
): Promise<boolean> {
  const deadline = Date.now() + patienceMs
  let counts = await count(stack, sessionIds)
  while (sum(counts) > 0 && Date.now() < deadline) {
    await delay(250)
    counts = await count(stack, sessionIds)
  }
  for (const [thing, number] of Object.entries(counts))
    progress.line(`left over: ${thing.padEnd(20)} ${number ?? 'none can be, there is no such provider'}`)
  return sum(counts) === 0
}

const sum = (counts: Counts) => Object.values(counts).reduce<number>((total, number) => total + (number ?? 0), 0)

async function count(stack: Embedded, sessionIds: readonly string[]): Promise<Counts> {
  const { provider } = stack.offer
  const docker =
    provider.kind === 'docker' ? await countAtDocker(dockerSettings.parse(provider.settings), stack.deploymentId) : null
  return {
    containers: docker?.containers ?? null,
    volumes: docker?.volumes ?? null,
    networks: docker?.networks ?? null,
    processes: provider.kind === 'process' ? countProcesses(stack, sessionIds) : null,
    'held reservations': await countReservations(stack),
    'running workflows': await countWorkflows(stack, sessionIds),
  }
}

/** Processes that carry the mark of one of the sessions, as /proc tells. */
function countProcesses({ offer, deploymentId }: Embedded, sessionIds: readonly string[]): number {
  const places = createPlaces(processSettings.parse(offer.provider.settings).stateDirectory)
  // A session of the demo never gets beyond its first generation.
  const names = sessionIds.map((id) => instanceName(id as SessionId, 1))
  const marks = names.map((name) => `${markVariable}=${places.markOf(keyOf({ name, deploymentId }))}\0`)
  return seeProcesses().filter(({ environment }) => marks.some((mark) => environment.includes(mark))).length
}

async function countReservations({ postgresUrl, offer }: Embedded): Promise<number> {
  const db = connect({ url: postgresUrl, poolSize: 1, name: 'carrel-demo' })
  try {
    return (await heldBy(db, { kind: 'provider', id: offer.provider.id })).sessions
  } finally {
    await db.destroy()
  }
}

/** Asks for each session's own workflow: a list would lag behind. */
async function countWorkflows(stack: Embedded, sessionIds: readonly string[]): Promise<number> {
  const client = createTemporalClient({ address: stack.temporalAddress, namespace: stack.temporalNamespace }, {})
  try {
    const names = await Promise.all(
      sessionIds.map(async (id) => {
        const handle = client.workflow.getHandle(sessionWorkflowId(id as SessionId))
        return client
          .withDeadline(Date.now() + 10_000, () => handle.describe())
          .then(
            ({ status }) => status.name,
            (error: unknown) => {
              if (error instanceof WorkflowNotFoundError) return 'ABSENT'
              throw error
            },
          )
      }),
    )
    return names.filter((name) => name === 'RUNNING').length
  } finally {
    await client.connection.close()
  }
}
