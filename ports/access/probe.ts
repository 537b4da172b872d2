import { connect } from 'node:net'

/** Where a door of an instance is reached. */
export interface ProbeTarget {
  readonly host: string
  readonly port: number
}

const probeTimeoutMs = 2_000

/** Whether something accepts connections there now; never waits longer than 2 s. */
export async function probeTcp(target: ProbeTarget, signal: AbortSignal): Promise<boolean> {
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

/** Whether a GET there is answered with this status now. Follows no redirect, reads no body, never waits longer than 2 s. */
export async function probeHttp(
  target: ProbeTarget & { readonly path: string; readonly status: number },
  signal: AbortSignal,
): Promise<boolean> {
  const url = new URL(`http://${target.host.includes(':') ? `[${target.host}]` : target.host}:${target.port}`)
  url.pathname = target.path.split('?')[0] ?? '/'
  url.search = target.path.split('?')[1] ?? ''
  try {
    const answer = await fetch(url, {
      redirect: 'manual',
      headers: { connection: 'close' },
      signal: AbortSignal.any([signal, AbortSignal.timeout(probeTimeoutMs)]),
    })
    await answer.body?.cancel()
    return answer.status === target.status
  } catch {
    return false
  }
}
