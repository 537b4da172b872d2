import { z } from '@hono/zod-openapi'
import type { Handover } from '../../db/handover.ts'
import { handoverFailCodes, handoverStatuses } from '../../domain/handover.ts'
import { flag, id, iso, isoOrNull, line, nullableTime, resources, time } from '../fields.ts'
import { pageQuery } from '../paging.ts'

const parameterValue = z.union([z.string(), z.number(), z.boolean()])

export const HandoverDocument = z
  .object({
    id,
    name: z.string().openapi({ description: 'The same for every attempt: name what you make after it' }),
    providerId: id,
    sessionId: id,
    generation: z.int(),
    ownerId: id.nullable(),
    projectId: id.nullable(),
    status: z.string().openapi({ description: `Open to growth. Today: ${handoverStatuses.join(', ')}.` }),
    image: z.string(),
    command: z.array(z.string()).nullable(),
    size: z.string(),
    resources: resources.omit({ sessions: true }),
    user: z
      .object({ uid: z.int(), gid: z.int(), gids: z.array(z.int()), name: z.string().optional() })
      .nullable()
      .openapi({ description: 'As whom it runs; `null`: as the image says' }),
    parameters: z.record(z.string(), parameterValue).openapi({ description: 'But those that are secret' }),
    terms: z.record(z.string(), z.string()).openapi({ description: 'Of the template: `backend.handover`' }),
    ports: z.array(z.int()).openapi({ description: 'On which it is to answer' }),
    reportedPorts: z
      .object({ from: z.int(), to: z.int(), tls: z.boolean().optional() })
      .nullable()
      .openapi({ description: 'They may be others, of this range, which are reported' }),
    egress: z.string(),
    lifetimeSeconds: z.int(),
    host: z.string().nullable(),
    words: z.string().nullable(),
    code: z.string().nullable(),
    exitCode: z.int().nullable(),
    madeAt: time,
    takeBefore: time.openapi({ description: 'Whoever comes later gets it no more' }),
    takenAt: nullableTime,
    saidAt: nullableTime,
    unwantedAt: nullableTime.openapi({ description: 'Since then it is to go: remove it, and say that it is gone' }),
    version: z.int(),
  })
  .openapi('HandoverInstance')

export const SecretsDocument = z.object({
  secret: z.string().openapi({ description: 'The session’s own: what its doors let in with' }),
  environment: z.record(z.string(), z.string()).openapi({ description: 'With the parameters that are secret' }),
  report: z
    .object({ url: z.string(), token: z.string() })
    .nullable()
    .openapi({ description: 'With what the instance itself may report its ports, once' }),
})

export const TakenDocument = z
  .object({
    ...HandoverDocument.shape,
    secrets: SecretsDocument.nullable().openapi({
      description: '`null`: they were given, and are kept nowhere any more',
    }),
  })
  .openapi('HandoverTaken')

export const HandoversQuery = z.strictObject({
  ...pageQuery,
  status: z.enum(handoverStatuses).optional(),
  unwanted: flag,
})

export const Take = z
  .strictObject({
    claim: z
      .string()
      .regex(/^[A-Za-z0-9_-]{16,128}$/, 'Expected 16 to 128 letters, digits, dashes and underscores.')
      .openapi({
        description:
          'A random word of your own for this take. Whoever repeats it is given the same answer, until something was said of the instance; any other is 409',
      }),
  })
  .openapi('HandoverTake')

const words = line(500).optional().openapi({ description: 'For people: users while they wait, operators later' })

export const Report = z
  .discriminatedUnion('state', [
    z.strictObject({ state: z.literal('preparing'), words }),
    z.strictObject({
      state: z.literal('running'),
      host: z.string().min(2).max(64).openapi({
        description: 'The address at which it answers, in the networks of its provider. An address, not a name',
        example: '10.20.3.14',
      }),
      ports: z
        .record(z.string().regex(/^\d{1,5}$/, 'Expected a port of the template.'), z.int().min(1).max(65_535))
        .refine((ports) => Object.keys(ports).length <= 40, 'Expected at most 40 ports.')
        .optional()
        .openapi({
          description: 'Only where the template lets them be reported and the instance does not say them itself',
        }),
      fingerprint: z
        .string()
        .regex(/^([0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2}$/, 'Expected a SHA-256: 64 hex digits.')
        .transform((text) => text.replaceAll(':', '').toLowerCase())
        .optional()
        .openapi({ type: 'string', description: 'With `ports`: of the certificate with which they speak TLS' }),
      words,
    }),
  ])
  .openapi('HandoverReport')

const gone = z.boolean().default(false).openapi({ description: 'Nothing is left of it' })

export const Failure = z
  .strictObject({
    code: z.enum(handoverFailCodes).openapi({ description: 'The reason with which its session ends' }),
    words,
    gone,
  })
  .openapi('HandoverFailure')

export const End = z
  .strictObject({ exitCode: z.int().min(-2_147_483_648).max(2_147_483_647).optional(), words, gone })
  .openapi('HandoverEnd')

export function presentHandover(one: Handover): z.infer<typeof HandoverDocument> {
  const { image, command, size, user, ports, reportedPorts, egress, lifetimeSeconds, terms } = one.spec
  const { cpuMilli, memoryMib, diskMib, gpus } = one.spec.resources
  return {
    id: one.id,
    name: one.name,
    providerId: one.providerId,
    sessionId: one.key.sessionId,
    generation: one.key.generation,
    ownerId: one.ownerId,
    projectId: one.projectId,
    status: one.status,
    image,
    command: command === null ? null : [...command],
    size,
    resources: { cpuMilli, memoryMib, diskMib, gpus },
    user: user === null ? null : { ...user, gids: [...user.gids] },
    parameters: { ...one.parameters },
    terms: { ...terms },
    ports: [...ports],
    reportedPorts,
    egress,
    lifetimeSeconds,
    host: one.host,
    words: one.words,
    code: one.code,
    exitCode: one.exitCode,
    madeAt: iso(one.madeAt),
    takeBefore: iso(one.takeBefore),
    takenAt: isoOrNull(one.takenAt),
    saidAt: isoOrNull(one.saidAt),
    unwantedAt: isoOrNull(one.unwantedAt),
    version: one.version,
  }
}
