import { clientOf } from '../setup/site.ts'
import type { Installation } from './site.ts'

const patienceMs = 900_000

/** What an admin does with the installation, by its api alone. */
export function adminOf(installation: Pick<Installation, 'apiUrl'>, token: string) {
  const request = clientOf(installation.apiUrl, token)
  const ask = async (method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>) => {
    const answer = await request(method, path, body, headers)
    if (answer.status >= 400) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`)
    return answer.body
  }
  const session = async (id: string) =>
    (await ask('GET', `/v1/sessions/${id}`)) as { name: string; state: string; reason: string | null }
  return {
    request,
    ask,
    session,
    async start(name: string): Promise<string> {
      const { items } = (await ask('GET', '/v1/templates')) as { items: readonly { id: string }[] }
      const body = { templateId: items[0]?.id, name }
      const { id } = await ask('POST', '/v1/sessions', body, { 'idempotency-key': crypto.randomUUID() })
      return String(id)
    },
    stop: async (id: string) => await ask('DELETE', `/v1/sessions/${id}`),
    /** Waits until the session is in one of the states; returns it with its reason, as `failed/instance_lost`. */
    async until(id: string, states: readonly string[]): Promise<string> {
      const deadline = Date.now() + patienceMs
      for (;;) {
        const { state, reason } = await session(id)
        if (states.includes(state)) return reason === null ? state : `${state}/${reason}`
        if (Date.now() > deadline) throw new Error(`Session ${id} is ${state} and not ${states.join(' or ')}.`)
        await new Promise((resolve) => setTimeout(resolve, 250))
      }
    },
  }
}
export type Admin = ReturnType<typeof adminOf>

/** Waits until it is so; `what` says what for. */
export async function eventually(what: string, isSo: () => Promise<boolean>, withinMs = patienceMs): Promise<void> {
  const deadline = Date.now() + withinMs
  while (!(await isSo().catch(() => false))) {
    if (Date.now() > deadline) throw new Error(`In ${withinMs / 1_000} s it did not come to this: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
}
