import { createServer } from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { z } from 'zod'
import type { WorkerDeps } from '../../../worker/deps.ts'
import type { AccessGateway, SessionDoors } from '../../../ports/access/access-gateway.ts'
import { ProviderUnreachable } from '../../../ports/compute/provider.ts'
import type {
  CallContext,
  Capabilities,
  CheckAsk,
  ComputeProvider,
  InstanceRef,
} from '../../../ports/compute/provider.ts'
import { all } from './gated.ts'
import type { Gate } from './visit.ts'

/** What a worker process needs to come through a gate, and to a backend, that live in the process of the test. */
const card = z.object({ url: z.url(), settleMs: z.number(), capabilities: z.custom<Capabilities>() })
type Card = z.infer<typeof card>

export interface Remote {
  /** Variables of the worker processes that are to come here. */
  readonly variables: Readonly<Record<string, string>>
  close(): Promise<void>
}

type Deed = (...args: never[]) => Promise<unknown>

/** Serves gate and backend on loopback. What is held is held for as long as its caller lives; a call has `callMs`. */
export async function serveRemote(
  gate: Gate,
  provider: ComputeProvider,
  access: AccessGateway,
  callMs = 30_000,
): Promise<Remote> {
  const call = (): CallContext => ({ signal: AbortSignal.timeout(callMs) })
  const { create, inspect, remove, list } = provider
  const deeds: Readonly<Record<string, Deed>> = {
    arrive: async (visit: Parameters<Gate['arrive']>[0]) => await gate.arrive(visit, () => {}),
    left: async (visit: Parameters<Gate['left']>[0]) => await Promise.resolve(gate.left(visit)),
    create: async (spec: Parameters<typeof create>[0]) => await provider.create(spec, call()),
    inspect: async (ref: Parameters<typeof inspect>[0]) => await provider.inspect(ref, call()),
    remove: async (ref: Parameters<typeof remove>[0]) => await provider.remove(ref, call()),
    pause: async (ref: InstanceRef) => await provider.pause?.(ref, call()),
    resume: async (ref: InstanceRef) => await provider.resume?.(ref, call()),
    usage: async (ref: InstanceRef) => (await provider.usage?.(ref, call())) ?? null,
    check: async (asked: CheckAsk) => (await provider.check?.(asked, call())) ?? [],
    list: async (deploymentId: Parameters<typeof list>[0]) => await all(provider.list(deploymentId, call())),
    openDoor: async (...[use, target]: Parameters<AccessGateway['open']>) =>
      await access.open(use, target, call().signal),
    revoke: async (use: Parameters<AccessGateway['revoke']>[0]) => await access.revoke(use, call().signal),
    closeDoors: async (doors: SessionDoors) => await access.closeDoors(doors, call().signal),
    removeAccount: async (...[deploymentId, id]: Parameters<AccessGateway['removeAccount']>) =>
      await access.removeAccount(deploymentId, id, call().signal),
    listLive: async (doors: SessionDoors) => await access.listLive(doors, call().signal),
    kill: async (id: string) => await access.kill(id, call().signal),
    cutAll: async (deploymentId: string) => await access.cutAll(deploymentId, call().signal),
    listAll: async (deploymentId: string) => await all(access.list(deploymentId, call().signal)),
  }
  const server = createServer((request, response) => {
    const answer = async () => {
      const deed = deeds[(request.url ?? '').slice(1)]
      if (deed === undefined) throw new Error('no such deed')
      // Our own worker sends what the deed takes.
      return await deed(...(JSON.parse(await textOf(request)) as never[]))
    }
    answer().then(
      (result) => response.end(JSON.stringify(result ?? null)),
      () => response.writeHead(500).end(),
    )
  })
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve))
  // `listen` on a port always yields an AddressInfo.
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const { settleMs, capabilities } = provider
  return {
    variables: { TEST_REMOTE: JSON.stringify({ url, settleMs, capabilities } satisfies Card) },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** The same, from the side of the worker. */
export function openRemote(variable: string): {
  readonly gate: Gate
  readonly openProvider: WorkerDeps['openProvider']
  readonly openAccess: () => AccessGateway
} {
  const { url, settleMs, capabilities } = card.parse(JSON.parse(variable))
  const ask = async (deed: string, ...args: unknown[]): Promise<never> => {
    const response = await fetch(`${url}/${deed}`, { method: 'POST', body: JSON.stringify(args) })
    if (!response.ok) throw new ProviderUnreachable('the proof does not answer')
    return (await response.json()) as never
  }
  const provider: ComputeProvider = {
    capabilities,
    settleMs,
    create: async (spec) => await ask('create', spec),
    inspect: async (ref) => await ask('inspect', ref),
    remove: async (ref) => await ask('remove', ref),
    ...(capabilities.pause
      ? { pause: async (ref) => await ask('pause', ref), resume: async (ref) => await ask('resume', ref) }
      : {}),
    ...(capabilities.usage === true ? { usage: async (ref) => await ask('usage', ref) } : {}),
    check: async (asked) => await ask('check', asked),
    async *list(deploymentId) {
      yield* (await ask('list', deploymentId)) as Iterable<never>
    },
    close: async () => {},
  }
  const access: AccessGateway = {
    open: async (use, target) => await ask('openDoor', use, target),
    revoke: async (use) => await ask('revoke', use),
    closeDoors: async (doors) => await ask('closeDoors', doors),
    removeAccount: async (deploymentId, accountId) => await ask('removeAccount', deploymentId, accountId),
    listLive: async (doors) => await ask('listLive', doors),
    kill: async (id) => await ask('kill', id),
    cutAll: async (deploymentId) => await ask('cutAll', deploymentId),
    async *list(deploymentId) {
      yield* (await ask('listAll', deploymentId)) as Iterable<never>
    },
    close: async () => {},
  }
  const gate: Gate = {
    async arrive(visit, beat) {
      const pulse = setInterval(beat, 200)
      return await ask('arrive', visit).finally(() => clearInterval(pulse))
    },
    left: (visit) => void ask('left', visit).catch(() => {}),
  }
  return { gate, openProvider: () => provider, openAccess: () => access }
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}
