import { request } from 'node:http'
import { connect } from 'node:net'
import { connectPinned, PinnedAgent } from './pinned.ts'
import type { PinnedRequest } from './pinned.ts'

/** Where a door of an instance is reached. */
export interface ProbeTarget {
  readonly host: string
  readonly port: number
  /** It speaks TLS with this certificate alone. */
  readonly fingerprint?: string
}

const probeTimeoutMs = 2_000

/** Whether something accepts connections there now, by its own certificate where it has one; never waits longer than 2 s. */
export async function probeTcp(target: ProbeTarget, signal: AbortSignal): Promise<boolean> {
  const { fingerprint } = target
  return fingerprint === undefined
    ? await probePlain(target, signal)
    : await probePinned({ ...target, fingerprint }, signal)
}

async function probePlain(target: ProbeTarget, signal: AbortSignal): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect({ host: target.host, port: target.port, timeout: probeTimeoutMs, signal })
    const answer = (accepts: boolean) => {
      socket.destroy()
      resolve(accepts)
    }
    socket.once('connect', () => answer(true))
    socket.once('timeout', () => answer(false))
    socket.once('error', () => answer(false))
  })
}

async function probePinned(target: Required<ProbeTarget>, signal: AbortSignal): Promise<boolean> {
  try {
    const socket = await connectPinned(target, bounded(signal))
    socket.on('error', () => {}).destroy()
    return true
  } catch {
    return false
  }
}

interface HttpProbe extends ProbeTarget {
  readonly path: string
  readonly status: number
}

/**
 * Whether a GET there is answered with this status now, by its own certificate where it has one. Follows no redirect, reads no
 * body, never waits longer than 2 s.
 */
export async function probeHttp(target: HttpProbe, signal: AbortSignal): Promise<boolean> {
  const { fingerprint } = target
  return fingerprint === undefined
    ? await getPlain(target, signal)
    : await getPinned({ ...target, fingerprint }, signal)
}

async function getPlain(target: HttpProbe, signal: AbortSignal): Promise<boolean> {
  const url = new URL(`http://${target.host.includes(':') ? `[${target.host}]` : target.host}:${target.port}`)
  url.pathname = target.path.split('?')[0] ?? '/'
  url.search = target.path.split('?')[1] ?? ''
  try {
    const answer = await fetch(url, {
      redirect: 'manual',
      headers: { connection: 'close' },
      signal: bounded(signal),
    })
    await answer.body?.cancel()
    return answer.status === target.status
  } catch {
    return false
  }
}

async function getPinned(target: Required<HttpProbe>, signal: AbortSignal): Promise<boolean> {
  const { host, port, path, fingerprint } = target
  const asking: PinnedRequest = {
    host,
    port,
    path,
    fingerprint,
    agent: new PinnedAgent(),
    headers: { connection: 'close' },
    signal: bounded(signal),
  }
  return await new Promise((resolve) => {
    const asked = request(asking, (answer) => {
      resolve(answer.statusCode === target.status)
      asked.destroy()
    })
    asked.once('error', () => resolve(false))
    asked.once('close', () => resolve(false))
    asked.on('error', () => {})
    asked.end()
  })
}

const bounded = (signal: AbortSignal): AbortSignal => AbortSignal.any([signal, AbortSignal.timeout(probeTimeoutMs)])
