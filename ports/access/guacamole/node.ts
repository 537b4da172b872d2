import type { z } from 'zod'
import type { LoginBreaker } from './breaker.ts'
import { banMs, Refusal, Unavailable } from './endings.ts'
import type { InTurn } from './in-turn.ts'
import type { GuacamoleNode, GuacamoleSettings } from './settings.ts'
import { tokenShape } from './shapes.ts'
import { createWire, WireError } from './wire.ts'
import type { Reply, WireRequest } from './wire.ts'

export interface NodeDeps {
  readonly settings: GuacamoleSettings
  readonly breaker: LoginBreaker
  readonly now: () => number
  /** One login at a time over all nodes: they share the password, and whoever counts its failures. */
  readonly inTurn: InTurn
}

/**
 * One web application, spoken to as the service account. Throws `Unavailable` and `Refusal` alone; other statuses than
 * those that end every call are the caller's to judge.
 */
export interface Node {
  readonly name: string
  readonly publicUrl: string
  /** Below the data source, by the service account. A 403 that comes back is final: the token was alive. */
  data(request: WireRequest, signal: AbortSignal): Promise<Reply>
  /** Asks with another's token or none; the answer is as it came. */
  plain(request: WireRequest, signal: AbortSignal): Promise<Reply>
  /** Whether this token lives here. Does not count as a use of it. */
  isLive(token: string, signal: AbortSignal): Promise<boolean>
  /** Ends the service account's own token. */
  close(): Promise<void>
}

export function createNode(
  { name, url, publicUrl }: GuacamoleNode,
  { settings, breaker, now, inTurn }: NodeDeps,
): Node {
  const wire = createWire(url, settings.requestTimeoutMs)
  const never = new AbortController().signal
  let greeted: Promise<void> | null = null
  let token: string | null = null
  let loggingIn: Promise<string> | null = null

  const unavailable = (detail: string, ms = settings.retryAfterMs) => new Unavailable(`${name}: ${detail}`, now() + ms)

  /** A connection that failed was perhaps a kept one from before a restart: so once more, with a fresh one. */
  async function send(request: WireRequest, signal: AbortSignal, again: () => Promise<boolean>): Promise<Reply> {
    try {
      return await wire(request, signal)
    } catch (error) {
      if (!(error instanceof WireError)) throw error
      if (error.kind === 'lost') greeted = null
      if (error.kind !== 'lost' || !(await again())) throw unavailable(error.message)
    }
    return await send(request, signal, () => Promise.resolve(false))
  }

  /**
   * After each start the web application remembers its first failing request, and the next failed login by anybody ends
   * that request's token: so the first one that we let fail has none.
   */
  async function greet(signal: AbortSignal): Promise<void> {
    greeted ??= send({ method: 'HEAD', path: 'session' }, never, () => Promise.resolve(true)).then(() => {})
    const mine = greeted
    try {
      await mine
    } catch (error) {
      if (greeted === mine) greeted = null
      throw error
    }
    if (signal.aborted) throw unavailable('cancelled')
  }

  async function plain(request: WireRequest, signal: AbortSignal): Promise<Reply> {
    await greet(signal)
    return await send(request, signal, async () => {
      // A login whose answer was lost is not repeated: it would leave a token that nobody knows.
      if (request.form !== undefined) return false
      await greet(signal)
      return true
    })
  }

  /** One login for all who wait for it. */
  async function serviceToken(signal: AbortSignal): Promise<string> {
    if (token !== null) return token
    loggingIn ??= inTurn(logIn).finally(() => (loggingIn = null))
    const got = await loggingIn
    if (signal.aborted) throw unavailable('cancelled')
    return got
  }

  async function logIn(): Promise<string> {
    const blocked = await breaker.blockedUntil()
    if (blocked > now()) throw new Unavailable(`${name}: the service account's login was refused`, blocked)
    const { username, password } = settings
    const reply = await plain({ method: 'POST', path: 'tokens', form: { username, password } }, never)
    if (reply.status === 200) {
      token = understood(reply, tokenShape).authToken
      return token
    }
    if (reply.status >= 500) throw unavailable(`a login was answered ${reply.status}`)
    const until = now() + (reply.status === 429 ? banMs : settings.loginRetryAfterMs)
    await breaker.block(until)
    throw new Unavailable(`${name}: the service account's login was refused (${reply.status})`, until)
  }

  async function isLive(asked: string, signal: AbortSignal): Promise<boolean> {
    const { status } = await plain({ method: 'HEAD', path: 'session', token: asked }, signal)
    if (status === 204) return true
    if (status === 403) return false
    throw unavailable(`a token's check was answered ${status}`)
  }

  function understood<T>(reply: Reply, shape: z.ZodType<T>): T {
    const parsed = shape.safeParse(reply.body)
    if (!parsed.success) throw unavailable('an answer that is not understood')
    return parsed.data
  }

  return {
    name,
    publicUrl,
    plain,
    isLive,
    async data(request, signal) {
      const call = async (using: string) =>
        await plain({ ...request, path: `session/data/${settings.dataSource}/${request.path}`, token: using }, signal)
      const used = await serviceToken(signal)
      const reply = await call(used)
      if (reply.status !== 403 || (await isLive(used, signal))) return judged(reply, name)
      greeted = null
      if (token === used) token = null
      const again = await call(await serviceToken(signal))
      return judged(again, name)
    },
    async close() {
      const used = token
      token = null
      if (used !== null) await plain({ method: 'DELETE', path: `tokens/${used}` }, never).catch(() => {})
    },
  }
}

/** What is permanent whatever was asked. */
function judged(reply: Reply, node: string): Reply {
  if (reply.status === 403) throw new Refusal('rejected', `${node}: the service account may not do this`)
  return reply
}
