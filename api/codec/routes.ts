import { z } from '@hono/zod-openapi'
import { body, json } from '../answers.ts'
import type { OpaquePayload } from '../deps.ts'
import { Problem } from '../problem.ts'
import { route } from '../route.ts'

const base64 = z.string().regex(/^[A-Za-z0-9+/_-]*={0,2}$/)
const Payloads = z
  .object({
    payloads: z
      .array(z.object({ metadata: z.record(z.string(), base64).optional(), data: base64.optional() }))
      .max(10_000),
  })
  .openapi('Payloads')
type Payloads = z.infer<typeof Payloads>

const decode = route(
  {
    operationId: 'decodePayloads',
    summary: "Decode payloads for the Temporal UI (Temporal's remote codec protocol)",
    description: 'Decodes only. Its path holds a random capability; foreign payloads pass unchanged.',
    tags: ['operation'],
    method: 'post',
    path: '/v1/admin/codec/{capability}/decode',
    right: 'codec:decode',
    request: { params: z.object({ capability: z.string() }), body: body(Payloads) },
    responses: { 200: json(Payloads, 'The payloads, decoded where they are ours') },
  },
  (c) => {
    const sealed = c.req.valid('json').payloads.map(ofJson)
    const opened = c.var.services.decodePayloads(sealed)
    if (opened.length !== sealed.length) throw new Problem('internal', 'The codec lost a payload.')
    return c.json({ payloads: opened.map(toJson) }, 200)
  },
)

/** Protobuf's JSON has bytes as base64. */
const ofJson = ({ metadata, data }: Payloads['payloads'][number]): OpaquePayload => ({
  metadata: mapValues(metadata ?? {}, bytes),
  data: bytes(data ?? ''),
})

const toJson = ({ metadata, data }: OpaquePayload): Payloads['payloads'][number] => ({
  metadata: mapValues(metadata ?? {}, text),
  data: text(data ?? new Uint8Array()),
})

const bytes = (encoded: string): Uint8Array => new Uint8Array(Buffer.from(encoded, 'base64'))
const text = (raw: Uint8Array): string => Buffer.from(raw).toString('base64')
const mapValues = <A, B>(all: Readonly<Record<string, A>>, of: (value: A) => B): Record<string, B> =>
  Object.fromEntries(Object.entries(all).map(([key, value]) => [key, of(value)]))

export const codecRoutes = [decode]
