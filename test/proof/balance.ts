import type { Client } from '@temporalio/client'
import { WorkflowNotFoundError } from '@temporalio/client'
import type { Db } from '../../db/connect.ts'
import { sessionWorkflowId, teardownWorkflowId } from '../../domain/ids.ts'
import type { SessionId } from '../../domain/ids.ts'
import { isEnd } from '../../domain/lifecycle.ts'
import type { ComputeProvider } from '../../ports/compute/provider.ts'
import { inTurns } from './in-turns.ts'
import {
  booksBreaches,
  historyBreaches,
  instanceBreaches,
  outsideBreaches,
  readLedger,
  stateBreaches,
} from './ledger.ts'
import type { HeldInstance, SessionLine } from './ledger.ts'

export type { HeldInstance } from './ledger.ts'

/** Where the books are, and what they must agree with. */
export interface Site {
  readonly db: Db
  /** With the namespace of the installation. */
  readonly client: Client
  /** Everything that the backends hold for this installation now, asked of them and of nobody else. */
  readonly instances: () => Promise<readonly HeldInstance[]>
  /** What a gateway outside holds for sessions, where there is one: connections, rights and tunnels. */
  readonly outside?: () => readonly HeldInstance[]
}

export interface Demand {
  /** Every session must be at its end: then nothing at all may be left. */
  readonly allEnded: boolean
  /** Only these sessions, with all that carries their ids. */
  readonly sessions?: readonly SessionId[]
}

/**
 * Every breach of the balance between rows, backends and Temporal, each in words; none means that nothing leaks. Sessions
 * on their way are between two states for moments: where some live, ask again (`balanced`) before a breach is believed.
 * Whether a workflow runs is believed from `describe` alone.
 */
export async function breaches(site: Site, { allEnded, sessions }: Demand): Promise<string[]> {
  const held = await site.instances()
  const ledger = await readLedger(site.db, sessions)
  const wanted = new Set<string>(sessions)
  const instances = sessions === undefined ? held : held.filter((i) => wanted.has(i.sessionId))
  const strays = sessions === undefined ? await runsWithoutSession(site.client, ledger.sessions) : []
  const runs = await inTurns(ledger.sessions, 16, async (session) => await runBreaches(site.client, session))
  return [
    ...ledger.sessions.flatMap((session) => stateBreaches(session, allEnded)),
    ...booksBreaches(ledger),
    ...instanceBreaches(ledger, instances),
    ...outsideBreaches(ledger, site.outside?.() ?? [], sessions === undefined),
    ...historyBreaches(ledger),
    ...runs.flat(),
    ...strays,
  ]
}

/** The breaches that are still there when the time is over; none as soon as there are none. A look that fails is one, too. */
export async function balanced(site: Site, demand: Demand, withinMs: number): Promise<string[]> {
  const deadline = Date.now() + withinMs
  for (;;) {
    const found = await breaches(site, demand).catch((error: unknown) => [`nobody could look: ${String(error)}`])
    if (found.length === 0 || Date.now() > deadline) return found
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

/** What the providers list for the installation. Throws where one cannot be listed to its end. */
export async function listInstances(
  providers: readonly ComputeProvider[],
  deploymentId: string,
): Promise<HeldInstance[]> {
  const found: HeldInstance[] = []
  for (const provider of providers)
    for await (const { sessionId, generation, ref } of provider.list(deploymentId, {
      signal: AbortSignal.timeout(30_000),
    }))
      found.push({ sessionId, generation, name: ref.name })
  return found
}

/** An ended session has no open run; one that lives has one, or is still to be told to somebody. */
async function runBreaches(client: Client, session: SessionLine): Promise<string[]> {
  const ids = [sessionWorkflowId(session.id), teardownWorkflowId(session.id)]
  const open: string[] = []
  for (const id of ids) if (await isOpen(client, id)) open.push(id)
  if (isEnd(session.state)) return open.map((id) => `${id} is open, and its session is ${session.state}`)
  if (open.length === 0 && !session.due) return [`${session.id} is ${session.state}, and nobody looks after it`]
  return open.length === 2 ? [`${session.id} is ${session.state}, and two runs look after it`] : []
}

/** A list only hints at runs; that one is open is asked of itself. */
async function runsWithoutSession(client: Client, sessions: readonly SessionLine[]): Promise<string[]> {
  const known = new Set(sessions.flatMap(({ id }) => [sessionWorkflowId(id), teardownWorkflowId(id)]))
  const strays: string[] = []
  for await (const { workflowId } of client.workflow.list({ query: `ExecutionStatus = 'Running'` }))
    if (/^(?:session|teardown)\//.test(workflowId) && !known.has(workflowId) && (await isOpen(client, workflowId)))
      strays.push(`${workflowId} is open, and there is no such session`)
  return strays
}

async function isOpen(client: Client, workflowId: string): Promise<boolean> {
  try {
    const { status } = await client.withDeadline(
      Date.now() + 10_000,
      async () => await client.workflow.getHandle(workflowId).describe(),
    )
    return status.name === 'RUNNING' || status.name === 'PAUSED'
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false
    throw error
  }
}
