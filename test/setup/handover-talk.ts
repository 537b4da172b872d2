import { expect } from 'vitest'
import { hashOf } from '../../db/door-secrets.ts'
import { beginInstance } from '../../db/instances.ts'
import type { ProviderId } from '../../domain/ids.ts'
import type { SessionKey } from '../../domain/session.ts'
import type { Ask, TestApi } from './api.ts'
import { freshClaim, handOver } from './handover.ts'
import type { HandedOver, Provisioner } from './handover.ts'

/** What a provisioner says to the API, in a test's words. */
export function talkOf(api: () => TestApi, provisioner: () => Provisioner, provider: ProviderId) {
  const ask = async (method: string, path: string, more: Ask = {}) =>
    await api().call(method, `/v1/provisioner/instances${path}`, { token: provisioner().token, key: null, ...more })
  const say = async ({ id }: HandedOver, word: string, body?: object) =>
    await ask('POST', `/${id}/${word}`, body === undefined ? {} : { body })
  const take = async (one: HandedOver, claim = freshClaim()) => await say(one, 'take', { claim })
  return {
    ask,
    say,
    take,
    /** One that the provisioner has taken. */
    async taken(over: Parameters<typeof handOver>[2] = {}): Promise<HandedOver> {
      const one = await handOver(api(), provider, over)
      expect((await take(one)).status).toBe(200)
      return one
    },
    rowOf: async ({ id }: HandedOver) =>
      await api().db.selectFrom('handover').selectAll().where('id', '=', id).executeTakeFirst(),
    /** A session whose instance is being made, with what it may report with. */
    async begun(over: Record<string, unknown> = {}, reportToken?: string): Promise<SessionKey> {
      const { token } = await api().person()
      const templateId = await api().template(over)
      const asked = { token, body: { templateId }, headers: { prefer: 'respond-async' } }
      const made = await api().call('POST', '/v1/sessions', asked)
      await api().decide(made.body.id)
      const key = { sessionId: made.body.id, generation: 1 }
      const report = reportToken === undefined ? null : { sealed: Buffer.from('t'), hash: hashOf(reportToken) }
      await beginInstance(api().db, key, provider, Buffer.from('s'), { report })
      return key
    },
  }
}

export const running = (host: string, more: object = {}) => ({ state: 'running', host, ...more })
export const refOf = ({ name }: HandedOver) => ({ name, deploymentId: 'd' })

let hosts = 0
/** An address in the networks of a provider of `addHandoverProvider`, where nobody is. */
export const freshHost = (): string => `10.20.${1 + Math.floor((hosts += 1) / 200)}.${1 + (hosts % 200)}`
