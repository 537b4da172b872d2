import type { z } from 'zod'
import { Refusal, Unavailable } from './endings.ts'
import type { Node } from './node.ts'
import type { Reply, WireRequest } from './wire.ts'
import { errorShape } from './shapes.ts'

/** How an object is made or changed, told apart by what to do next. */
export type Effect =
  | { readonly kind: 'done'; readonly reply: Reply }
  /** One of this name exists: look it up. */
  | { readonly kind: 'duplicate' }
  /** Not there, or not any more. */
  | { readonly kind: 'absent' }
  /** Answered 500, which says nothing about what it did: read back, then decide. */
  | { readonly kind: 'unclear' }

/** The data source behind all nodes, which share it. Throws `Unavailable` and `Refusal` alone. */
export interface Api {
  readonly nodes: readonly Node[]
  /** Reads; `null` where the object is not there. */
  read<T>(path: string, shape: z.ZodType<T>, signal: AbortSignal): Promise<T | null>
  /** The same at one node, for what a node knows alone. */
  readAt<T>(node: Node, path: string, shape: z.ZodType<T>, signal: AbortSignal): Promise<T | null>
  change(request: WireRequest, signal: AbortSignal): Promise<Effect>
  changeAt(node: Node, request: WireRequest, signal: AbortSignal): Promise<Effect>
  understood<T>(reply: Reply, shape: z.ZodType<T>): T
  unavailable(detail: string): Unavailable
  /** Waits this long, or less when cancelled. */
  pause(ms: number, signal: AbortSignal): Promise<void>
}

const listBytes = 16 * 1024 * 1024

export interface ApiDeps {
  readonly nodes: readonly Node[]
  readonly now: () => number
  readonly retryAfterMs: number
}

export function createApi({ nodes, now, retryAfterMs }: ApiDeps): Api {
  let preferred = 0
  const unavailable = (detail: string) => new Unavailable(detail, now() + retryAfterMs)

  /** Any node will do; the one that answered last is asked first. */
  async function anywhere(request: WireRequest, signal: AbortSignal): Promise<Reply> {
    let last: unknown = unavailable('no node')
    for (let turn = 0; turn < nodes.length; turn++) {
      const index = (preferred + turn) % nodes.length
      const node = nodes[index]
      if (node === undefined) continue
      try {
        const reply = await node.data(request, signal)
        preferred = index
        return reply
      } catch (error) {
        if (!(error instanceof Unavailable) || signal.aborted) throw error
        last = error
      }
    }
    throw last
  }

  function understood<T>(reply: Reply, shape: z.ZodType<T>): T {
    const parsed = shape.safeParse(reply.body)
    if (!parsed.success) throw unavailable('an answer that is not understood')
    return parsed.data
  }

  function read<T>({ status, body }: Reply, shape: z.ZodType<T>): T | null {
    if (status === 404 && errorShape.safeParse(body).success) return null
    if (status !== 200) throw unavailable(`a read was answered ${status}`)
    return understood({ status, body }, shape)
  }

  function effect(reply: Reply): Effect {
    switch (reply.status) {
      case 200:
      case 204:
        return { kind: 'done', reply }
      case 500:
        return { kind: 'unclear' }
      case 413:
        throw new Refusal('parameter_refused', 'a parameter is too long for the gateway')
      case 400:
        if (errorShape.safeParse(reply.body).data?.message.endsWith('already exists.')) return { kind: 'duplicate' }
        throw new Refusal('rejected', 'the gateway does not accept the request (400)')
      case 404:
        if (errorShape.safeParse(reply.body).success) return { kind: 'absent' }
        throw unavailable('there is no Guacamole at this address')
      default:
        throw unavailable(`a change was answered ${reply.status}`)
    }
  }

  const get = (path: string): WireRequest => ({ method: 'GET', path, maxBytes: listBytes })
  return {
    nodes,
    unavailable,
    understood,
    read: async (path, shape, signal) => read(await anywhere(get(path), signal), shape),
    readAt: async (node, path, shape, signal) => read(await node.data(get(path), signal), shape),
    change: async (request, signal) => effect(await anywhere(request, signal)),
    changeAt: async (node, request, signal) => effect(await node.data(request, signal)),
    pause: async (ms, signal) =>
      await new Promise<void>((resolve) => {
        const done = () => {
          clearTimeout(timer)
          signal.removeEventListener('abort', done)
          resolve()
        }
        const timer = setTimeout(done, signal.aborted ? 0 : ms)
        signal.addEventListener('abort', done, { once: true })
      }),
  }
}

/** Tries again after what is unclear, at most twice more. `attempt` answers `null` for "not yet". */
export async function persist<T>(
  api: Api,
  what: string,
  signal: AbortSignal,
  attempt: () => Promise<T | null>,
): Promise<T> {
  for (let turn = 0; turn < 3; turn++) {
    if (turn > 0) await api.pause(20 * 4 ** turn, signal)
    const got = await attempt()
    if (got !== null) return got
  }
  throw api.unavailable(`${what} could not be confirmed`)
}
