import type { clientOf } from '../setup/site.ts'

export type Portal = ReturnType<typeof clientOf>

/** The id of the one template that the site has. */
export async function templateId(portal: Portal): Promise<string> {
  const { body } = await portal('GET', '/v1/templates')
  const items = body['items'] as { readonly id: string }[]
  const id = items[0]?.id
  if (id === undefined) throw new Error('the site has no template')
  return id
}

/** An admin sets how many sessions the account may have. */
export async function limitSessions(admin: Portal, accountId: string, sessions: number): Promise<void> {
  const path = `/v1/quotas/account/${accountId}`
  const { headers } = await admin('GET', path)
  const limits = { sessions, cpuMilli: null, memoryMib: null, diskMib: null, gpus: null }
  const answer = await admin('PUT', path, { limits }, { 'if-match': headers.get('etag') ?? '' })
  if (answer.status !== 200) throw new Error(`the quota was not set: ${JSON.stringify(answer.body)}`)
}

/** Follows sessions by asking for them, as a portal without SSE does. */
export function createFollower(portal: Portal, withinMs = 60_000) {
  const until = async (id: string, states: (state: string) => boolean) => {
    const deadline = Date.now() + withinMs
    for (;;) {
      const { body, status } = await portal('GET', `/v1/sessions/${id}`)
      const state = String(body['state'])
      if (status === 200 && states(state)) return { id, state, reason: body['reason'] }
      if (Date.now() > deadline) throw new Error(`${id} is still ${state} (${status})`)
      await new Promise((resolve) => setTimeout(resolve, 1_000))
    }
  }
  return {
    /** Waits until none of the caller's sessions is undecided, and lists what became of all: id and state. */
    decisions: async (): Promise<readonly Standing[]> => {
      const deadline = Date.now() + withinMs
      while ((await list(portal, 'state=requested')).length > 0) {
        if (Date.now() > deadline) throw new Error('some sessions are still undecided')
        await new Promise((resolve) => setTimeout(resolve, 500))
      }
      return await list(portal, 'ended=true')
    },
    ready: async (id: string) => await until(id, (state) => ['ready', 'failed', 'stopped', 'rejected'].includes(state)),
    end: async (id: string) => await until(id, (state) => ['stopped', 'failed', 'rejected'].includes(state)),
  }
}

interface Standing {
  readonly id: string
  readonly state: string
}

/** Every page of the caller's sessions. */
async function list(portal: Portal, filter: string): Promise<readonly Standing[]> {
  const all: Standing[] = []
  for (let cursor: unknown = null; cursor !== undefined;) {
    const page = await portal(
      'GET',
      `/v1/sessions?limit=200&${filter}${typeof cursor === 'string' ? `&cursor=${cursor}` : ''}`,
    )
    all.push(...(page.body['items'] as Standing[]))
    cursor = page.body['nextCursor'] ?? undefined
  }
  return all
}
